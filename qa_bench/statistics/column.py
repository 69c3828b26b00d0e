"""A column of a table: its intervals, its marks, and what they rest on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import numpy as np

from qa_bench.errors import UserError
from qa_bench.settings import number, one_of
from qa_bench.statistics.detectable import assumed_error, detectable
from qa_bench.statistics.interval import Intervals
from qa_bench.statistics.paired import Paired


@dataclass(frozen=True, eq=False)
class ColumnStatistics:
    """What a table says of one metric on one set; arrays have an entry a system.

    Attributes:
        mean: float64 (systems,).
        low: lower ends of the intervals; NaN where the values tell none.
        high: upper ends.
        best: whether no other mean is higher; bool (systems,).
        tied: whether it is not the best and cannot be told from a best one; bool (systems,).
        p_best: of the difference from the best, adjusted; 1 for the best.
        interval: the methods of the intervals, joined by commas.
        test: the tests' names, joined by commas; empty for one system.
        family: what p was adjusted for, in words for a caption.
        comparisons: how many comparisons a family has.
        detectable: the smallest difference that is seen four times in five, in the metric's unit.
        alpha: 1 − the level of the intervals, and the bound of p.
        signature: all of this in sacrebleu's manner, for a comparison's own signature.
        difference: mean − the baseline's; None without a baseline, as all that follows.
        difference_low: lower ends of their intervals, each for its pair alone; 0 for the baseline.
        difference_high: upper ends.
        p: of the differences, adjusted; 1 for the baseline.
    """

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    best: np.ndarray
    tied: np.ndarray
    p_best: np.ndarray
    interval: str
    test: str
    family: str
    comparisons: int
    detectable: float
    alpha: float
    signature: str
    difference: np.ndarray | None = None
    difference_low: np.ndarray | None = None
    difference_high: np.ndarray | None = None
    p: np.ndarray | None = None

    def turned(self) -> ColumnStatistics:
        """The same of values with the other sign: where the lower ones are better."""

        def minus(values: np.ndarray | None) -> Any:
            return None if values is None else -values

        return replace(
            self,
            mean=-self.mean,
            low=-self.high,
            high=-self.low,
            difference=minus(self.difference),
            difference_low=minus(self.difference_high),
            difference_high=minus(self.difference_low),
        )


class Method(Protocol):
    """How a column's systems are compared.

    Attributes:
        items: how many were drawn: questions, or groups of them.
        grouped: whether they are groups.
        correction: the name of the adjustment.
        remark: what else belongs into the signature.
    """

    items: int
    grouped: bool
    correction: str
    remark: str

    def intervals(self) -> Intervals:
        """The interval of every system."""
        ...

    def differences(self, first: np.ndarray, second: np.ndarray) -> Paired:
        """The differences of pairs, p not adjusted."""
        ...

    def against(self, rivals: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Largest p of each rival against the others, adjusted for this family; (rivals,)."""
        ...

    def all_pairs(self) -> np.ndarray:
        """Adjusted p of all pairs, one family; (systems, systems)."""
        ...


class Choice(NamedTuple):
    """The settings that every part of the group has.

    Attributes:
        alpha: 1 − the level of intervals; the bound of p.
        family: own: each question asked (against the baseline, against the best) is a family; all:
            all pairs are one.
        against: the baseline's name; None for none.
    """

    alpha: float
    family: str
    against: str | None

    @classmethod
    def of(cls, alpha: float, family: str, against: str | None) -> Choice:
        """Check them.

        Raises:
            UserError: one is not what it must be.
        """
        number("statistics.alpha", alpha, above=0)
        if not alpha < 0.5:
            raise UserError(f"statistics.alpha: a number > 0 and < 0.5, got '{alpha:g}'")
        one_of("statistics.family", family, ("own", "all"))
        if against is not None and (not isinstance(against, str) or not against.strip()):
            raise UserError(f"statistics.against: the label of a system, or null, got '{against}'")
        return cls(float(alpha), family, against)


def column(method: Method, choice: Choice, baseline: int | None) -> ColumnStatistics:
    """Marks and figures of a column.

    Args:
        method: closed forms, or resampling.
        choice: the settings.
        baseline: the row that the others are compared with.

    Raises:
        UserError: there is no such row.
    """
    own = method.intervals()
    mean, systems = own.mean, len(own.mean)
    if baseline is not None and not 0 <= baseline < systems:
        raise UserError(f"statistics: the baseline is one of {systems} systems, got {baseline}")
    best = mean == mean.max()
    rivals, bests = np.flatnonzero(~best), np.flatnonzero(best)
    whole = choice.family == "all"
    every = method.all_pairs() if whole and systems > 1 else None
    p_best = np.ones(systems)
    if len(rivals):
        p_best[rivals] = (
            method.against(rivals, bests) if every is None else every[rivals][:, bests].max(axis=1)
        )
    comparisons = systems * (systems - 1) // 2 if whole else systems - 1
    pairs = _pairs(method, bests, baseline, systems)
    test = "" if pairs is None else pairs.test
    further = {}
    if baseline is not None:
        others = np.flatnonzero(np.arange(systems) != baseline)
        further = {
            "difference": _placed(pairs, "difference", others, systems),
            "difference_low": _placed(pairs, "low", others, systems),
            "difference_high": _placed(pairs, "high", others, systems),
            "p": np.ones(systems),
        }
        if len(others):
            further["p"][others] = (
                method.against(others, np.array([baseline]))
                if every is None
                else every[others, baseline]
            )
    return ColumnStatistics(
        mean=mean,
        low=own.low,
        high=own.high,
        best=best,
        tied=~best & (p_best >= choice.alpha),
        p_best=p_best,
        interval=",".join(dict.fromkeys(own.methods)),
        test=test,
        family=_words(method, comparisons, whole, baseline),
        comparisons=comparisons,
        detectable=_detectable(pairs, method, choice.alpha, comparisons),
        alpha=choice.alpha,
        signature=_signature(own, method, choice, test, comparisons, baseline),
        **further,
    )


def _pairs(method: Method, bests: np.ndarray, baseline: int | None, systems: int) -> Paired | None:
    """Every system against the baseline, or else against the first of the best."""
    if systems == 1:
        return None
    other = int(bests[0]) if baseline is None else baseline
    first = np.flatnonzero(np.arange(systems) != other)
    return method.differences(first, np.full_like(first, other))


def _placed(pairs: Paired | None, name: str, others: np.ndarray, systems: int) -> np.ndarray:
    entries = np.zeros(systems)
    if pairs is not None:
        entries[others] = getattr(pairs, name)
    return entries


def _detectable(pairs: Paired | None, method: Method, alpha: float, comparisons: int) -> float:
    """By the middle one of the pairs' errors: some pairs are seen better, some less."""
    if pairs is not None and pairs.freedom is not None and (pairs.error > 0).any():
        there = pairs.error > 0
        sizes = detectable(pairs.error[there], alpha, comparisons, pairs.freedom[there])
        return float(np.median(sizes))
    errors = np.zeros(0) if pairs is None else pairs.error[pairs.error > 0]
    error = float(np.median(errors)) if len(errors) else assumed_error(method.items)
    return float(detectable(error, alpha, comparisons))


def _words(method: Method, comparisons: int, whole: bool, baseline: int | None) -> str:
    if comparisons == 0:
        return "no comparison"
    count = f"{comparisons} comparison{'s' if comparisons > 1 else ''}"
    if whole:
        return f"{count}, all pairs, {method.correction}"
    if baseline is None:
        return f"{count} with the best, {method.correction}"
    return f"{count} with the baseline, and as many with the best, {method.correction} for each"


def _signature(
    own: Intervals,
    method: Method,
    choice: Choice,
    test: str,
    comparisons: int,
    baseline: int | None,
) -> str:
    level = f"{100 * (1 - choice.alpha):g}"
    name = "+".join(dict.fromkeys(own.methods))
    question = "all" if choice.family == "all" else "best" if baseline is None else "baseline"
    correction = method.correction.replace(" ", "-").lower()
    entries = [
        f"ci:{name}{level}",
        f"test:{test.replace(',', '+') or 'none'}",
        f"fam:{question}{comparisons}-{correction}",
        f"groups:{method.items if method.grouped else 'none'}",
    ]
    return "|".join([*entries, *([method.remark] if method.remark else [])])
