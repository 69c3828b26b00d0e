"""How far a quick score can be off the true one."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


class Bound:
    """How far quick scores of the passages seen can be off, and how high the true ones can be.

    With q' and p' rounded to bfloat16, |q·p - q'·p'| <= |q| |p - p'| + |q - q'| |p'|; the lengths
    of what rounding takes away are measured. A sum of n products is off by n u |q'| |p'| at most
    (Higham 2002, 3.5); u is four times float32's, for units that round sums towards zero. What is
    too small for float32 may count as zero. The sum, too, is rounded to bfloat16.
    """

    def __init__(self, exact: torch.Tensor, rounded: torch.Tensor, l2: bool) -> None:
        """Start with no passage seen.

        Args:
            exact: the questions; (questions, dimension).
            rounded: the same as the quick pass has them.
            l2: whether half the squared length is taken from each product.
        """
        self._l2, self._low = l2, exact.dtype != rounded.dtype
        self._terms = exact.shape[1] + 8
        self._length = exact.double().norm(dim=1).numpy()
        self._moved = (exact.double() - rounded.double()).norm(dim=1).numpy()
        self._longest = self._off = 0.0
        self._lock = threading.Lock()

    def see(self, longest: float, farthest: float) -> None:
        """Note of a block the longest passage and how far rounding moved one, by float32 sums."""
        with self._lock:  # np.maximum keeps a NaN, which max() may drop
            self._longest = np.maximum(self._longest, self._at_most(longest))
            self._off = np.maximum(self._off, self._at_most(farthest) if self._low else 0.0)

    def _at_most(self, length: float) -> float:
        return length * (1 + self._terms * 2.0**-22) + self._terms * 2.0**-63

    @np.errstate(all="ignore")
    def error(self) -> np.ndarray:
        """Of each question's scores, before they are rounded to bfloat16; (questions, 1)."""
        n, q, p = self._terms, self._length + self._moved, self._longest + self._off
        error = self._length * self._off + self._moved * p + n * 2.0**-22 * q * p
        error += n * 2.0**-124 * (1 + q + p)
        if self._l2:  # half the passage's square is taken from the rounded product
            error += n * (2.0**-22 * p * p + 2.0**-52 * (q + p) ** 2) + self._low * 2.0**-8 * q * p
        in_range = (q < 2.0**62) & (p < 2.0**62)  # else products may pass float32's range
        return np.where(in_range, error, np.inf)[:, None]

    @np.errstate(all="ignore")
    def highest(self, quick: np.ndarray, questions: slice) -> np.ndarray:
        """The highest true scores behind quick ones of some questions; (questions, n)."""
        highest: np.ndarray = quick + self.error()[questions]
        if self._l2:
            highest = 2 * highest - np.square(self._length)[questions, None]
        else:
            highest += self._low * 2.0**-8 * np.abs(quick)
        return highest

    @np.errstate(all="ignore")
    def lowest(self, floors: np.ndarray) -> np.ndarray:
        """The lowest quick float32 scores behind true ones of ``floors``; (questions,)."""
        bars = floors - np.abs(floors) * 2.0**-23  # the floors are rounded to float32
        if self._l2:
            bars = (bars + np.square(self._length)) / 2
        bars -= self.error()[:, 0]
        lowest: np.ndarray = bars - np.abs(bars) * 2.0**-23  # so is the result
        return lowest
