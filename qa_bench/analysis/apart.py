"""The questions that only one of two systems gets, and those that moved most."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from qa_bench.analysis.pairing import Pair, first_ranks
from qa_bench.analysis.rankings import passages
from qa_bench.report.outcomes import Outcomes


class Apart(NamedTuple):
    """A question at which two systems differ.

    Attributes:
        set: the question set.
        metric: in which they differ.
        better: "a" or "b".
        qid: its id.
        question: its text.
        a: the first system's value.
        b: the second one's.
        a_rank: the first system's first passage with an answer, 0 for none; empty where unknown.
        b_rank: the second one's.
        a_top: title of the first system's best passage; empty where there is none.
        b_top: the second one's.
        a_prediction: the first system's answer; empty where there is none.
        b_prediction: the second one's.
    """

    set: str
    metric: str
    better: str
    qid: str
    question: str
    a: float
    b: float
    a_rank: int | str
    b_rank: int | str
    a_top: str
    b_top: str
    a_prediction: str
    b_prediction: str


def headline(pair: Pair) -> str:
    """The metric whose questions are listed unless another is named."""
    for name in ("answer_recall@20", "em"):
        if name in pair.metrics:
            return name
    return pair.metrics[0]


def apart(pair: Pair, metric: str) -> list[Apart]:
    """The questions with different values, those furthest apart first.

    Of those with the same distance, the one whose ranks of a first answer are further apart, as
    1/rank; then in the set's order.

    Raises:
        UserError: there is no such metric.
        DataError: passages are not what a run writes.
    """
    first, second = pair.flags(metric)
    different = np.flatnonzero(first != second)
    gaps = np.abs(_reciprocal(pair.a) - _reciprocal(pair.b))
    order = sorted(
        different.tolist(), key=lambda row: (-abs(first[row] - second[row]), -gaps[row], row)
    )
    return _rows(pair, metric, order, first, second)


def moved(pair: Pair, metric: str) -> list[Apart]:
    """The questions that two rankings or answers treat differently, the furthest apart first.

    By 1/rank of the first passage with an answer where both have ranks, else by the metric.

    Raises:
        UserError: there is no such metric.
        DataError: passages are not what a run writes.
    """
    first, second = pair.flags(metric)
    gaps = np.abs(_reciprocal(pair.a) - _reciprocal(pair.b))
    gaps = np.where(gaps > 0, gaps, 0) + (np.abs(first - second) if not gaps.any() else 0)
    order = sorted(np.flatnonzero(gaps).tolist(), key=lambda row: (-gaps[row], row))
    return _rows(pair, metric, order, first, second)


def _reciprocal(outcomes: Outcomes) -> np.ndarray:
    """1/rank of each question's first passage with an answer, 0 for none; (n,)."""
    ranks = first_ranks(outcomes)
    return np.where(ranks > 0, 1 / np.maximum(ranks, 1), 0.0)


def _rows(
    pair: Pair, metric: str, order: Sequence[int], first: np.ndarray, second: np.ndarray
) -> list[Apart]:
    if not order:
        return []
    qids, questions = pair.a.qids, pair.a.column("question")
    sign = -1 if pair.a.record.heading(metric).lower else 1
    beside: list[list[Any]] = []
    for name in ("first_rank", "passages", "prediction"):
        for one in (pair.a, pair.b):
            column = one.column(name)
            beside.append(
                [_top(one, column[row]) for row in order]
                if name == "passages"
                else [column[row] for row in order]
            )
    return [
        Apart(
            pair.name,
            metric,
            "a" if _above(sign * (first[row] - second[row]), beside[0][at], beside[1][at]) else "b",
            qids[row],
            str(questions[row]),
            float(first[row]),
            float(second[row]),
            *(column[at] for column in beside),
        )
        for at, row in enumerate(order)
    ]


def _above(gain: float, rank: Any, other: Any) -> bool:
    """Whether the first system is the better one: by what it gains, else by its rank."""
    if gain:
        return bool(gain > 0)
    return (rank or math.inf) < (other or math.inf)


def _top(outcomes: Outcomes, text: str) -> str:
    """The title of a question's best passage, or its id where it has none."""
    best = passages(outcomes, [text])
    first = best[0][0] if best and best[0] else {}
    return str(first.get("title") or first.get("pid", ""))
