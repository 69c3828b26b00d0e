"""Differences of two systems on one set: every metric, every k, and subsets of the questions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from qa_bench.analysis.pairing import Pair
from qa_bench.errors import DataError, UserError
from qa_bench.statistics.detectable import assumed_error, detectable
from qa_bench.statistics.holm import holm
from qa_bench.statistics.paired import CLUSTER_T, MCNEMAR, T, paired
from qa_bench.statistics.values import binary, checked

CUTS = (1, 2, 3, 5, 10, 20, 30, 50, 100)
"""The k of a curve that are shown; files hold all."""

_AT_ONCE = 16
"""Metrics whose rows are multiplied with each other at once."""


class Contrast(NamedTuple):
    """How far two systems are apart in one metric.

    Attributes:
        metric: with its k.
        n: questions.
        a: the first one's mean.
        b: the second one's.
        difference: a − b.
        low: lower end of its interval; NaN where the values tell none.
        high: upper end.
        p: two-sided, of this metric alone.
        p_holm: adjusted for the family; None outside it.
        a_only: questions at which the first has the higher value; of 0/1 values, that it alone
            gets.
        b_only: questions at which the second has.
        ties: the others.
        test: mcnemar-midp, paired-t or cluster-t.
        detectable: the smallest difference that is seen four times in five.
        recorded: whether the records hold it; else it follows from the first ranks.
    """

    metric: str
    n: int
    a: float
    b: float
    difference: float
    low: float
    high: float
    p: float
    p_holm: float | None
    a_only: int
    b_only: int
    ties: int
    test: str
    detectable: float
    recorded: bool

    @property
    def k(self) -> int | None:
        """The cut-off; None where the metric has none."""
        k = self.metric.partition("@")[2]
        return int(k) if k.isdecimal() else None


def contrasts(pair: Pair, alpha: float = 0.05) -> list[Contrast]:
    """All metrics of both records, then every k that follows from the first ranks.

    p is adjusted for nothing yet: ``adjusted`` does.

    Raises:
        DataError: a value is no finite number.
    """
    recorded = pair.metrics
    derived = [f"answer_recall@{k}" for k in range(1, pair.deepest + 1)]
    metrics = [*recorded, *(metric for metric in derived if metric not in recorded)]
    return of_metrics(pair, metrics, alpha)


def of_metrics(
    pair: Pair, metrics: Sequence[str], alpha: float = 0.05, members: np.ndarray | None = None
) -> list[Contrast]:
    """Differences in some metrics.

    Args:
        pair: two systems on a set.
        metrics: of both, or an ``answer_recall@k`` that follows from the first ranks.
        alpha: 1 − the level of the intervals.
        members: the questions that count, bool (n,); None for all.

    Raises:
        UserError: a metric is not to be had.
        DataError: a value is no finite number.
    """
    groups = pair.groups
    if groups is not None and members is not None:
        groups = np.unique(groups[members], return_inverse=True)[1].reshape(-1)
    outcome: list[Contrast] = []
    for start in range(0, len(metrics), _AT_ONCE):
        some = metrics[start : start + _AT_ONCE]
        both = [pair.flags(metric) for metric in some]
        values = np.stack([first for first, _ in both] + [second for _, second in both])
        if members is not None:
            values = values[:, members]
        try:
            values = checked(values)
        except UserError as error:
            raise DataError(f"{error}: run it again", pair.a.path.with_suffix(".csv")) from None
        outcome += _of_values(pair, some, values, alpha, groups)
    return outcome


def _of_values(
    pair: Pair,
    metrics: Sequence[str],
    values: np.ndarray,
    alpha: float,
    groups: np.ndarray | None,
) -> list[Contrast]:
    """The contrasts of the rows of values, (2 metrics, n): the first system's, then the other's."""
    m, n = len(metrics), values.shape[1]
    summary = groups is None or int(groups.max()) > 0  # one group tells nothing of another
    first, second = np.arange(m), m + np.arange(m)
    result = paired(values, first, second, alpha, groups if summary else None)
    flags = binary(values)
    discrete = flags[:m] & flags[m:]
    means = values.mean(axis=1)
    wins = (values[:m] > values[m:]).sum(axis=1)
    losses = (values[:m] < values[m:]).sum(axis=1)
    # Where nothing differs, by the share of questions at which systems usually do.
    items = n if groups is None else int(groups.max()) + 1
    seen = detectable(np.where(result.error > 0, result.error, assumed_error(items)), alpha)
    tests = [CLUSTER_T if groups is not None else MCNEMAR if flag else T for flag in discrete]
    return [
        Contrast(
            metric=metric,
            n=n,
            a=float(means[place]),
            b=float(means[m + place]),
            difference=float(result.difference[place]),
            low=float(result.low[place]) if summary else math.nan,
            high=float(result.high[place]) if summary else math.nan,
            p=float(result.p[place]) if summary else math.nan,
            p_holm=None,
            a_only=int(wins[place]),
            b_only=int(losses[place]),
            ties=n - int(wins[place]) - int(losses[place]),
            test=tests[place] if summary else "",
            detectable=float(seen[place]) if summary else math.nan,
            recorded=metric in pair.metrics,
        )
        for place, metric in enumerate(metrics)
    ]


def adjusted(families: Sequence[Sequence[Contrast]], together: bool) -> list[list[Contrast]]:
    """The contrasts with p adjusted by Holm; those that the records do not hold are in no family.

    Args:
        families: a set each.
        together: whether all sets are one family.
    """
    p = [np.array([c.p for c in one if _counts(c)]) for one in families]
    parts = (
        np.split(holm(np.concatenate(p)), np.cumsum([len(one) for one in p])[:-1])
        if together and p
        else [holm(one) for one in p]
    )
    result = []
    for own, part in zip(families, parts, strict=True):
        values = iter(part.tolist())
        result.append([c._replace(p_holm=next(values)) if _counts(c) else c for c in own])
    return result


def _counts(contrast: Contrast) -> bool:
    return contrast.recorded and math.isfinite(contrast.p)
