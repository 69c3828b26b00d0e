"""Two systems on the same questions, for many pairs at once.

All pairs of a column come from one product of its values with themselves: for 0/1 values the
questions that both get, for others the sums of products about the means.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qa_bench.statistics.clusters import scale, still, sums
from qa_bench.statistics.mcnemar import mcnemar
from qa_bench.statistics.mean import bound_of_difference, t_interval, t_test
from qa_bench.statistics.tango import tango
from qa_bench.statistics.values import binary, in_unit, means

MCNEMAR, T, CLUSTER_T = "mcnemar-midp", "paired-t", "cluster-t"
"""The names of the tests."""

_CANCELLED = 1e-6
"""A variance below this share of what it is the difference of has lost too many digits."""

_ROUNDING = 1e-14
"""Differences that vary by less than this share of the values are the same but for rounding."""


@dataclass(frozen=True, eq=False)
class Paired:
    """What is known of pairs of systems, an entry a pair.

    Attributes:
        difference: mean of the first − mean of the second; float64 (pairs,).
        low: lower end of its interval; NaN where there is none.
        high: upper end.
        p: two-sided, of this pair alone.
        error: standard error of the difference.
        test: the tests that were used, their names joined by commas.
        freedom: degrees of freedom of the errors; None where they are those of so many questions
            that the normal distribution stands for t's.
    """

    difference: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray
    error: np.ndarray
    test: str
    freedom: np.ndarray | None = None


def paired(
    values: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    alpha: float = 0.05,
    groups: np.ndarray | None = None,
) -> Paired:
    """Compare pairs of rows.

    Where both hold 0 and 1 only: McNemar's mid-p and Tango's interval; else, and wherever the
    questions are in groups, t of the differences.

    Args:
        values: checked, float64 of shape (systems, n).
        first: each pair's first row, int (pairs,).
        second: its second.
        alpha: 1 − the level of the intervals.
        groups: codes from 0, int (n,); two groups at least.
    """
    n = values.shape[1]
    if groups is not None:
        size = int(groups.max()) + 1
        return by_t(values, first, second, alpha, groups, size)
    flags = binary(values)
    discrete = flags[first] & flags[second]
    if not discrete.any():
        return by_t(values, first, second, alpha, None, n)
    if discrete.all():
        return _by_mcnemar(values, first, second, alpha)
    parts = (
        _by_mcnemar(values, first[discrete], second[discrete], alpha),
        by_t(values, first[~discrete], second[~discrete], alpha, None, n),
    )
    return _merged(parts, discrete)


def wins(values: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """On how many questions the first of each pair has the higher value; int64 (pairs,)."""
    pairs = zip(first.tolist(), second.tolist(), strict=True)
    return np.array([np.count_nonzero(values[i] > values[j]) for i, j in pairs], dtype=np.int64)


def _merged(parts: tuple[Paired, Paired], discrete: np.ndarray) -> Paired:
    arrays = {}
    for name in ("difference", "low", "high", "p", "error"):
        arrays[name] = np.empty(len(discrete))
        arrays[name][discrete] = getattr(parts[0], name)
        arrays[name][~discrete] = getattr(parts[1], name)
    return Paired(**arrays, test=f"{parts[0].test},{parts[1].test}")


def _by_mcnemar(values: np.ndarray, first: np.ndarray, second: np.ndarray, alpha: float) -> Paired:
    n = values.shape[1]
    rows, (first, second) = _involved(first, second)
    hits = values[rows].astype(np.float32 if n < 1 << 24 else np.float64)  # exact either way
    both = (hits @ hits.T)[first, second].astype(np.float64)
    alone = hits.sum(axis=1, dtype=np.float64)
    b, c = alone[first] - both, alone[second] - both
    low, high = tango(b, c, n, alpha)
    difference = (b - c) / n
    error = np.sqrt(np.maximum((b + c) / n - difference**2, 0) / n)
    return Paired(difference, low, high, mcnemar(b, c), error, MCNEMAR)


def by_t(
    values: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    alpha: float,
    groups: np.ndarray | None,
    size: int,
) -> Paired:
    """By t, where ``size`` is how many were drawn: questions, or groups of them."""
    n = values.shape[1]
    rows, (first, second) = _involved(first, second)
    values = values[rows]
    mean = means(values)
    difference = mean[first] - mean[second]
    factor = scale(size, n) if size > 1 else np.inf
    squares = _squares(values, mean, first, second, difference, groups)
    error = np.sqrt(factor * squares) if size > 1 else np.zeros_like(squares)
    low, high = t_interval(difference, error, max(size - 1, 1), alpha)
    p = t_test(difference, error, max(size - 1, 1))
    flags = in_unit(values)
    bounded = flags[first] & flags[second]
    low, high = (
        np.where(bounded, np.maximum(low, -1), low),
        np.where(bounded, np.minimum(high, 1), high),
    )
    if (still := error == 0).any():
        bounds = bound_of_difference(np.where(bounded, difference, 0), size, alpha)
        # Of values without limits, such as lengths, what does not vary tells no interval.
        for target, end, otherwise in zip((low, high, p), bounds, (np.nan, np.nan, 1), strict=True):
            target[still] = np.where(bounded, end, otherwise)[still]
    return Paired(difference, low, high, p, error, T if groups is None else CLUSTER_T)


def _squares(
    values: np.ndarray,
    mean: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    difference: np.ndarray,
    groups: np.ndarray | None,
) -> np.ndarray:
    """Σ over questions, or groups, of the squared (summed) difference about its mean; (pairs,)."""
    about = values - mean[:, None]
    spread = np.abs(about).sum(axis=1)
    if groups is not None:
        about = sums(about, groups)
    products = about @ about.T
    own = np.diag(products)
    total = own[first] + own[second]
    squares = total - 2 * products[first, second]
    # The second: groups of the same mean, whose sums are nothing but rounding.
    tiny = (_ROUNDING * 100 * (spread[first] + spread[second])) ** 2
    for pair in np.flatnonzero((squares <= _CANCELLED * total) | (squares <= tiny)):
        i, j = int(first[pair]), int(second[pair])
        apart = values[i] - values[j]
        if np.ptp(apart) <= _ROUNDING * max(np.abs(values[i]).max(), np.abs(values[j]).max()):
            squares[pair] = 0.0
            continue
        apart -= difference[pair]
        if groups is not None:
            if still(apart[None], groups)[0]:
                squares[pair] = 0.0
                continue
            apart = sums(apart[None], groups)[0]
        squares[pair] = apart @ apart
    return squares  # type: ignore[no-any-return]


def _involved(
    first: np.ndarray, second: np.ndarray
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """The rows that the pairs need, and the pairs among these."""
    rows, places = np.unique(np.concatenate([first, second]), return_inverse=True)
    return rows, (places[: len(first)], places[len(first) :])
