"""Bootstrap and randomisation: what the closed forms must agree with, drawn instead of computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from qa_bench.errors import UserError
from qa_bench.parts import Part
from qa_bench.settings import one_of, whole_number
from qa_bench.statistics.clusters import sums
from qa_bench.statistics.column import Choice, ColumnStatistics, column
from qa_bench.statistics.draws import drawn_sums, flipped_sums
from qa_bench.statistics.pairs import Pairs, matrices
from qa_bench.statistics.replicates import Replicates
from qa_bench.statistics.resampled import Resampled
from qa_bench.statistics.values import checked, codes


class Resampling(Part):
    """Percentile bootstrap intervals; sign-flip randomisation with step-down max-T.

    Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 13; Smucker, Allan
    and Carterette 2007 (CIKM) on randomisation; ``max_t``.
    """

    def __init__(
        self,
        alpha: float = 0.05,
        family: str = "own",
        against: str | None = None,
        samples: int = 10000,
        adjust: str = "max_t",
    ) -> None:
        """Check the settings.

        Args:
            alpha: 1 − the level of intervals; the bound of p.
            family: own: the comparisons with the baseline are one family, those with the best
                another; all: all pairs are one.
            against: the baseline's label.
            samples: how many draws.
            adjust: max_t, or holm where the family is small enough for so many draws.

        Raises:
            UserError: a setting is not what it must be.
        """
        self.alpha, self.family, self.against = Choice.of(alpha, family, against)
        self._samples = whole_number("statistics.samples", samples, 100, 10_000_000)
        self._adjust = one_of("statistics.adjust", adjust, ("max_t", "holm"))

    def column(
        self, values: Any, baseline: int | None = None, groups: Any = None, digest: str = ""
    ) -> ColumnStatistics:
        """Intervals and marks of one metric on one set.

        Args:
            values: a value a question for every system, (systems, n).
            baseline: the row of ``against``.
            groups: a code or name a question, (n,): groups are drawn then, and flipped, as a whole.
            digest: of the set's questions: the seed.

        Raises:
            UserError: a value is not finite, there is but one group, no such row, or the family is
                too large for Holm on so many draws.
        """
        return self.columns({"": values}, baseline, groups, digest)[""]

    def columns(
        self,
        values: Mapping[str, Any],
        baseline: int | None = None,
        groups: Any = None,
        digest: str = "",
    ) -> dict[str, ColumnStatistics]:
        """``column`` for several metrics of one set, which share the draws."""
        choice = Choice(self.alpha, self.family, self.against)
        return {
            name: column(method, choice, baseline)
            for name, method in self._methods(values, groups, digest).items()
        }

    def pairs(self, values: Any, groups: Any = None, digest: str = "") -> Pairs:
        """All systems against each other; arguments as for ``column``.

        Raises:
            UserError: as ``column``.
        """
        return self.pairs_of({"": values}, groups, digest)[""]

    def pairs_of(
        self, values: Mapping[str, Any], groups: Any = None, digest: str = ""
    ) -> dict[str, Pairs]:
        """``pairs`` for several metrics of one set, which share the draws."""
        every = {}
        for name, method in self._methods(values, groups, digest).items():
            each, p = method.every_pair()
            every[name] = matrices(each.difference, each.low, each.high, p, each.test)
        return every

    def _methods(self, values: Mapping[str, Any], groups: Any, digest: str) -> dict[str, Resampled]:
        """A method a metric, over one product of all values and all draws.

        Raises:
            UserError: systems have several runs: three seeds, drawn with repetition, vary by two
                thirds of what they should, and none of this would say so.
        """
        if any(isinstance(several, Replicates) for several in values.values()):
            raise UserError(
                "statistics=resampling draws questions, and some rows here are means of several "
                "runs: statistics=closed knows both, table.over=[] shows each run alone"
            )
        rows = {name: checked(several) for name, several in values.items()}
        sizes = {several.shape[1] for several in rows.values()}
        if len(sizes) != 1:
            raise UserError(f"statistics: one set, got values of {sorted(sizes)} questions")
        n = sizes.pop()
        places = None if groups is None else codes(groups, n)
        every = np.concatenate(list(rows.values()))
        items = every if places is None else sums(every, places)
        weights = None if places is None else np.bincount(places)[None].astype(np.float64)
        flipped = flipped_sums(items, self._samples, digest)
        drawn = drawn_sums(
            items if weights is None else np.concatenate([items, weights]), self._samples, digest
        )
        drawn = drawn / n if weights is None else drawn[:-1] / drawn[-1]
        methods, start = {}, 0
        for name, several in rows.items():
            of_metric = slice(start, start + len(several))
            start += len(several)
            methods[name] = Resampled(
                several,
                items[of_metric],
                flipped[of_metric],
                drawn[of_metric],
                self.alpha,
                self._adjust,
                places is not None,
            )
        return methods
