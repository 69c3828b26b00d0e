"""Weights of terms as they are stored, and what that loses.

uint8 stores w as the nearest whole number of 255ths of the largest weight of all passages. What is
too small for its type is left out: such a posting would count nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qa_bench.errors import UserError

DTYPES = {"fp32": "float32", "fp16": "float16", "uint8": "uint8"}
"""What weights may be stored as, by the name of the setting's value."""


def strongest(
    pointers: np.ndarray, terms: np.ndarray, weights: np.ndarray, most: int | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each text the terms with the largest weights; of equal ones those with smaller numbers.

    Args:
        pointers: where each text's terms start, and the end; (texts + 1,).
        terms: ascending within a text; (n,).
        weights: theirs; (n,).
        most: so many terms at most; None for all.

    Returns:
        The three arrays without the others, in the same order.
    """
    counts = np.diff(pointers)
    if most is None or counts.max(initial=0) <= most:
        return pointers, terms, weights
    texts = np.repeat(np.arange(len(counts)), counts)
    order = np.lexsort((terms, -weights, texts))  # keeps texts together: ranks count from pointers
    stays = np.empty(len(terms), dtype=bool)
    stays[order] = np.arange(len(terms)) - pointers[texts] < most
    ends = np.concatenate([[0], np.cumsum(np.minimum(counts, most))])
    return ends, terms[stays], weights[stays]


@dataclass
class Loss:
    """How far stored weights are from those that the model gave.

    Attributes:
        whole: sum of the weights that the model gave.
        sum: of those that ``strongest`` left.
        weights: how many these were.
        unstored: those of them that are too small for their type.
        largest: relative error.
        total: of relative errors.
    """

    whole: float = 0.0
    sum: float = 0.0
    weights: int = 0
    unstored: int = 0
    largest: float = 0.0
    total: float = 0.0

    def see(self, weights: np.ndarray, stored: np.ndarray) -> None:
        """Count some weights, all above zero, and what became of them; float64 (n,) each."""
        if not len(weights):
            return
        errors = np.abs(stored - weights) / weights
        self.weights += len(weights)
        self.unstored += int(np.count_nonzero(stored == 0))
        self.largest = max(self.largest, float(errors.max()))
        self.total += float(errors.sum())

    def counts(self) -> dict[str, float]:
        """For the manifest, by name; errors in percent."""
        mean = self.total / self.weights if self.weights else 0.0
        cut = 1 - self.sum / self.whole if self.whole else 0.0
        return {
            "weights": self.weights,
            "percent_of_weight_cut": round(100 * cut, 4),
            "weights_too_small": self.unstored,
            "percent_largest_error": round(100 * self.largest, 4),
            "percent_mean_error": round(100 * mean, 4),
        }


class Scale:
    """From weights to what is stored, and back."""

    def __init__(self, dtype: str, largest: float) -> None:
        """For weights up to ``largest``; ``dtype`` is a key of ``DTYPES``.

        Raises:
            UserError: they do not fit the type.
        """
        self._dtype = np.dtype(DTYPES[dtype])
        self.unit = largest / 255 if dtype == "uint8" and largest else 1.0
        if self._dtype.kind == "f" and largest > float(np.finfo(self._dtype).max):
            raise UserError(
                f"retriever.weights={dtype}: a weight is {largest:g}, beyond its largest number, "
                f"{np.finfo(self._dtype).max:g}; choose fp32 or uint8"
            )

    def stored(self, weights: np.ndarray) -> np.ndarray:
        """As they are stored; 0 for those that are too small."""
        if self._dtype.kind == "u":
            return np.rint(weights / self.unit).astype(self._dtype)
        return weights.astype(self._dtype)

    def exact(self, stored: np.ndarray) -> np.ndarray:
        """The float64 weights that stored ones stand for."""
        return exact(stored, self.unit)


def exact(stored: np.ndarray, unit: float) -> np.ndarray:
    """The float64 weights that stored ones stand for, of ``unit`` each."""
    weights: np.ndarray = stored.astype(np.float64) * unit
    return weights
