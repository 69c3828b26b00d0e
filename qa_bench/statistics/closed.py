"""Intervals and tests by closed forms: no seed, no floor under p, all pairs in a moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from qa_bench.parts import Part
from qa_bench.statistics.column import Choice, ColumnStatistics, column
from qa_bench.statistics.crossed import crossed_differences, crossed_intervals
from qa_bench.statistics.holm import holm
from qa_bench.statistics.interval import Intervals, intervals
from qa_bench.statistics.paired import Paired, paired
from qa_bench.statistics.pairs import Pairs, every_pair, matrices, matrix, pairs
from qa_bench.statistics.replicates import Replicates
from qa_bench.statistics.values import checked, codes


class Closed(Part):
    """Wilson, Tango and McNemar for 0/1 values, t for others, t by groups; Holm over a family."""

    def __init__(
        self, alpha: float = 0.05, family: str = "own", against: str | None = None
    ) -> None:
        """Check the settings.

        Args:
            alpha: 1 − the level of intervals; the bound of p.
            family: own: the comparisons with the baseline are one family, those with the best
                another; all: all pairs are one.
            against: the baseline's label.

        Raises:
            UserError: a setting is not what it must be.
        """
        self.alpha, self.family, self.against = Choice.of(alpha, family, against)

    def column(
        self, values: Any, baseline: int | None = None, groups: Any = None, digest: str = ""
    ) -> ColumnStatistics:
        """Intervals and marks of one metric on one set.

        Args:
            values: a value a question for every system, (systems, n), or ``Replicates``.
            baseline: the row of ``against``.
            groups: a code or name a question, (n,).
            digest: not looked at.

        Raises:
            UserError: a value is not finite, there is but one group, or no such row.
        """
        choice = Choice(self.alpha, self.family, self.against)
        return column(self._method(values, groups), choice, baseline)

    def columns(
        self,
        values: Mapping[str, Any],
        baseline: int | None = None,
        groups: Any = None,
        digest: str = "",
    ) -> dict[str, ColumnStatistics]:
        """``column`` for several metrics of one set."""
        return {
            name: self.column(several, baseline, groups, digest) for name, several in values.items()
        }

    def pairs(self, values: Any, groups: Any = None, digest: str = "") -> Pairs:
        """All systems against each other.

        Args:
            values: (systems, n), or ``Replicates``.
            groups: (n,).
            digest: not looked at.

        Raises:
            UserError: a value is not finite, or there is but one group.
        """
        if not isinstance(values, Replicates):
            return pairs(values, groups, self.alpha)
        each = self._method(values, groups).differences(*every_pair(len(values.runs)))
        return matrices(each.difference, each.low, each.high, holm(each.p), each.test)

    def _method(self, values: Any, groups: Any) -> _ClosedForms:
        """The forms of these values: those of single runs as long as no system has several."""
        if isinstance(values, Replicates):
            n = values.averaged.shape[1]
            return _OverRuns(values, self.alpha, None if groups is None else codes(groups, n))
        rows = checked(values)
        places = None if groups is None else codes(groups, rows.shape[1])
        return _ClosedForms(rows, self.alpha, places)


class _ClosedForms:
    """A ``column.Method``."""

    correction = "Holm"
    remark = ""

    def __init__(self, rows: np.ndarray, alpha: float, groups: np.ndarray | None) -> None:
        self._rows, self._alpha, self._groups = rows, alpha, groups
        self.grouped = groups is not None
        self.items = rows.shape[1] if groups is None else int(groups.max()) + 1

    def intervals(self) -> Intervals:
        return intervals(self._rows, self._alpha, self._groups)

    def differences(self, first: np.ndarray, second: np.ndarray) -> Paired:
        return paired(self._rows, first, second, self._alpha, self._groups)

    def against(self, rivals: np.ndarray, others: np.ndarray) -> np.ndarray:
        first, second = np.repeat(rivals, len(others)), np.tile(others, len(rivals))
        raw = self.differences(first, second).p.reshape(len(rivals), len(others)).max(axis=1)
        # Where several are best, they are compared too: equal means, p = 1.
        return holm(np.append(raw, np.ones(len(others) - 1)))[: len(rivals)]

    def all_pairs(self) -> np.ndarray:
        first, second = every_pair(len(self._rows))
        adjusted = holm(self.differences(first, second).p)
        return matrix(adjusted, adjusted, len(self._rows), 1.0)


class _OverRuns(_ClosedForms):
    """The same where systems have several runs."""

    def __init__(self, values: Replicates, alpha: float, groups: np.ndarray | None) -> None:
        super().__init__(values.averaged, alpha, groups)
        self._values = values
        self.remark = "runs:" + "+".join(str(count) for count in np.unique(values.counts))

    def intervals(self) -> Intervals:
        return crossed_intervals(self._values, self._alpha, self._groups)

    def differences(self, first: np.ndarray, second: np.ndarray) -> Paired:
        return crossed_differences(self._values, first, second, self._alpha, self._groups)
