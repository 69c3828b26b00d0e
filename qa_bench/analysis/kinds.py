"""Differences of two systems by kinds of questions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from qa_bench.analysis.breakdown import BREAKDOWNS
from qa_bench.analysis.contrast import Contrast, of_metrics
from qa_bench.analysis.pairing import Pair
from qa_bench.analysis.subject import Subject, UnknownError
from qa_bench.statistics.holm import holm


class Kind(NamedTuple):
    """Two systems on a subset of a set's questions.

    Attributes:
        breakdown: by what the set is parted.
        subset: the part.
        contrasts: a metric each; p adjusted for the subsets of the breakdown.
    """

    breakdown: str
    subset: str
    contrasts: list[Contrast]


def kinds(
    pair: Pair, subject: Subject, breakdowns: Iterable[str], alpha: float = 0.05
) -> tuple[list[Kind], list[str]]:
    """All subsets of some breakdowns, and which of them these questions do not have.

    Args:
        pair: two systems on a set.
        subject: its questions.
        breakdowns: names of ``BREAKDOWNS``.
        alpha: 1 − the level of the intervals.

    Raises:
        DataError: a value is no finite number.
    """
    summary: list[Kind] = []
    reasons = []
    for name in breakdowns:
        try:
            subsets = BREAKDOWNS[name](subject)
        except UnknownError as reason:
            reasons.append(f"no {name} of {pair.name}: {reason}")
            continue
        own = [
            Kind(name, subset, of_metrics(pair, pair.metrics, alpha, np.array(members, dtype=bool)))
            for subset, members in subsets.items()
            if any(members)
        ]
        summary += _adjusted(own)
    return summary, reasons


def _adjusted(own: list[Kind]) -> list[Kind]:
    """P adjusted by Holm for the subsets of a breakdown, each metric a family."""
    p = np.array([[contrast.p for contrast in kind.contrasts] for kind in own])
    for metric in range(p.shape[1] if len(own) else 0):
        finite = np.isfinite(p[:, metric])
        p[finite, metric] = holm(p[finite, metric])
    return [
        kind._replace(
            contrasts=[
                contrast._replace(p_holm=float(value) if np.isfinite(value) else None)
                for contrast, value in zip(kind.contrasts, values, strict=True)
            ]
        )
        for kind, values in zip(own, p, strict=True)
    ]
