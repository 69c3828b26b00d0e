"""One metric's draws, as ``column`` asks for them."""

from __future__ import annotations

import numpy as np

from qa_bench.errors import UserError
from qa_bench.statistics.holm import holm
from qa_bench.statistics.interval import Intervals
from qa_bench.statistics.max_t import max_t, sampled_p
from qa_bench.statistics.mean import bound, bound_of_difference
from qa_bench.statistics.paired import Paired
from qa_bench.statistics.pairs import every_pair, matrix
from qa_bench.statistics.values import in_unit, means

BOOTSTRAP, RANDOMISATION = "bootstrap", "randomisation"
"""The names of the method and of the test."""

_ROUNDING = 1e-12
"""Percentiles that are not further apart are the same."""

_BLOCK = 64
"""Pairs whose drawn differences are in memory at once."""


class Resampled:
    """A ``column.Method``."""

    def __init__(
        self,
        values: np.ndarray,
        items: np.ndarray,
        flipped: np.ndarray,
        drawn: np.ndarray,
        alpha: float,
        adjust: str,
        grouped: bool,
    ) -> None:
        """Hold the draws.

        Args:
            values: (systems, n).
            items: the values, or their sums by group; (systems, items).
            flipped: sums of items with flipped signs, (systems, samples).
            drawn: means of drawn questions, (systems, samples).
            alpha: 1 − the level.
            adjust: max_t or holm.
            grouped: whether items are groups.
        """
        self._values, self._items, self._flipped, self._drawn = values, items, flipped, drawn
        self._mean, self._total = means(values), items.sum(axis=1)
        self._alpha, self._adjust = alpha, adjust
        self._samples = drawn.shape[1]
        self.items, self.grouped = items.shape[1], grouped
        self.correction = "max-T" if adjust == "max_t" else "Holm"
        self.remark = f"seed:questions|B:{self._samples}"

    def intervals(self) -> Intervals:
        """Percentiles of the drawn means; where values do not vary, the closed forms' bound."""
        low, high = self._percentiles(self._drawn)
        still = high - low <= _ROUNDING
        bounded = in_unit(self._values)
        ends = bound(np.where(bounded, self._mean, 0), self.items, self._alpha)
        low, high = (
            np.where(still, np.where(bounded, end, np.nan), percentile)
            for end, percentile in zip(ends, (low, high), strict=True)
        )
        return Intervals(self._mean, low, high, [BOOTSTRAP] * len(low))

    def differences(self, first: np.ndarray, second: np.ndarray) -> Paired:
        """Percentiles of the drawn differences; p is sampled, of each pair alone."""
        low, high, error = (np.empty(len(first)) for _ in range(3))
        for start in range(0, len(first), _BLOCK):
            block = slice(start, start + _BLOCK)
            apart = self._drawn[first[block]] - self._drawn[second[block]]
            low[block], high[block] = self._percentiles(apart)
            error[block] = apart.std(axis=1)
        difference = self._mean[first] - self._mean[second]
        if (still := high - low <= _ROUNDING).any():
            flags = in_unit(self._values)
            bounded = flags[first] & flags[second]
            ends = bound_of_difference(np.where(bounded, difference, 0), self.items, self._alpha)
            low[still] = np.where(bounded, ends[0], np.nan)[still]
            high[still] = np.where(bounded, ends[1], np.nan)[still]
            error[still] = 0.0
        p = sampled_p(self._total, self._flipped, self._norms(first, second), first, second)
        return Paired(difference, low, high, p, error, RANDOMISATION)

    def against(self, rivals: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Largest p of each rival against the others, adjusted for this family; (rivals,)."""
        first, second = np.repeat(rivals, len(others)), np.tile(others, len(rivals))
        several: np.ndarray = self._adjusted(first, second).reshape(len(rivals), len(others))
        highest: np.ndarray = several.max(axis=1)
        return highest

    def all_pairs(self) -> np.ndarray:
        """Adjusted p of all pairs, one family; (systems, systems)."""
        adjusted = self._adjusted(*every_pair(len(self._values)))
        return matrix(adjusted, adjusted, len(self._values), 1.0)

    def every_pair(self) -> tuple[Paired, np.ndarray]:
        """All pairs, and their adjusted p; (pairs,)."""
        first, second = every_pair(len(self._values))
        return self.differences(first, second), self._adjusted(first, second)

    def _adjusted(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        norms = self._norms(first, second)
        if self._adjust == "max_t":
            return max_t(self._total, self._flipped, norms, first, second)
        count, smallest = len(first), 1 / (self._samples + 1)
        if count * smallest >= self._alpha:
            raise UserError(
                f"statistics.adjust=holm: the smallest p of {self._samples} draws is "
                f"1/{self._samples + 1}; times {count} comparisons it is {count * smallest:.2g}, "
                f"never below {self._alpha:g}: statistics.adjust=max_t, or statistics.samples="
                f"{round(20 * count / self._alpha)}"
            )
        return holm(sampled_p(self._total, self._flipped, norms, first, second))

    def _norms(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """√Σ d² over items; (pairs,)."""
        norms = np.empty(len(first))
        for pair, (i, j) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
            apart = self._items[i] - self._items[j]
            norms[pair] = np.sqrt(apart @ apart)
        return norms

    def _percentiles(self, drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        ends = np.quantile(drawn, [self._alpha / 2, 1 - self._alpha / 2], axis=1)
        return ends[0], ends[1]
