"""All pairs of a column's systems."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from qa_bench.statistics.holm import holm
from qa_bench.statistics.paired import paired
from qa_bench.statistics.values import checked, codes


class Pairs(NamedTuple):
    """Matrices of shape (systems, systems), row − column; on the diagonal 0, 0, 0 and 1.

    Attributes:
        difference: of the means.
        low: lower ends of the intervals, each for its pair alone.
        high: upper ends.
        p: adjusted for all pairs.
        test: the test's name.
        comparisons: how many pairs there are.
    """

    difference: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray
    test: str
    comparisons: int


def every_pair(systems: int) -> tuple[np.ndarray, np.ndarray]:
    """First and second of each pair, the first the smaller; int (pairs,) each."""
    first, second = np.triu_indices(systems, 1)
    return first, second


def matrix(entries: np.ndarray, other: np.ndarray, systems: int, diagonal: float) -> np.ndarray:
    """A matrix of the entries of ``every_pair`` above the diagonal, and of others below it."""
    first, second = every_pair(systems)
    square = np.full((systems, systems), diagonal)
    square[first, second], square[second, first] = entries, other
    return square


def matrices(
    difference: np.ndarray, low: np.ndarray, high: np.ndarray, p: np.ndarray, test: str
) -> Pairs:
    """The matrices of what is known of ``every_pair``, p adjusted already."""
    count = len(p)
    systems = (1 + int(np.sqrt(1 + 8 * count))) // 2
    return Pairs(
        matrix(difference, -difference, systems, 0.0),
        matrix(low, -high, systems, 0.0),
        matrix(high, -low, systems, 0.0),
        matrix(p, p, systems, 1.0),
        test,
        count,
    )


def pairs(values: Any, groups: Any = None, alpha: float = 0.05) -> Pairs:
    """Compare all systems with each other; p by closed forms, Holm over all pairs.

    Args:
        values: of shape (systems, n).
        groups: a code or name a question, (n,).
        alpha: 1 − the level of the intervals.

    Raises:
        UserError: a value is not finite, or there is but one group.
    """
    rows = checked(values)
    places = None if groups is None else codes(groups, rows.shape[1])
    first, second = every_pair(len(rows))
    if not len(first):
        nothing = np.zeros(0)
        return matrices(nothing, nothing, nothing, nothing, "")
    each = paired(rows, first, second, alpha, places)
    return matrices(each.difference, each.low, each.high, holm(each.p), each.test)
