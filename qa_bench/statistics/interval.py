"""The interval of one figure."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from qa_bench.statistics.clusters import scale, still, sums
from qa_bench.statistics.mean import bound, t_interval
from qa_bench.statistics.values import binary, checked, codes, in_unit, means
from qa_bench.statistics.wilson import wilson

WILSON, T, CLUSTER_T = "wilson", "t", "cluster-t"
"""The names of the methods."""


class Interval(NamedTuple):
    """Where a mean may lie.

    Attributes:
        low: lower end; NaN where the values tell none.
        high: upper end.
        method: wilson, t or cluster-t.
    """

    low: float
    high: float
    method: str


class Intervals(NamedTuple):
    """The intervals of several systems.

    Attributes:
        mean: float64 (systems,).
        low: lower ends.
        high: upper ends.
        methods: a method a system.
    """

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    methods: list[str]


def interval(values: Any, alpha: float = 0.05, groups: Any = None) -> Interval:
    """The interval of the mean of one system's values.

    Args:
        values: a number a question, of shape (n,).
        alpha: 1 − the level.
        groups: a code or name a question, (n,): what was drawn together, such as an article.

    Raises:
        UserError: a value is not finite, or there is but one group.
    """
    rows = checked(values)
    several = intervals(rows, alpha, None if groups is None else codes(groups, rows.shape[1]))
    return Interval(float(several.low[0]), float(several.high[0]), several.methods[0])


def intervals(
    values: np.ndarray, alpha: float = 0.05, groups: np.ndarray | None = None
) -> Intervals:
    """``interval`` for every row.

    Args:
        values: checked, float64 of shape (systems, n).
        alpha: 1 − the level.
        groups: codes from 0, int (n,).
    """
    n, mean = values.shape[1], means(values)
    flags = binary(values) if groups is None else np.zeros(len(values), dtype=bool)
    error, size = errors(values, mean, groups)
    low, high = by_t(mean, error, max(size - 1, 1), size, in_unit(values), alpha)
    if flags.any():
        low[flags], high[flags] = wilson(values[flags].sum(axis=1), n, alpha)
    otherwise = T if groups is None else CLUSTER_T
    return Intervals(mean, low, high, [WILSON if flag else otherwise for flag in flags])


def errors(
    values: np.ndarray, mean: np.ndarray, groups: np.ndarray | None
) -> tuple[np.ndarray, int]:
    """Standard errors of the means of rows, 0 where nothing varies; and how many were drawn.

    Args:
        values: float64 of shape (systems, n).
        mean: of each row, (systems,).
        groups: codes from 0, int (n,); None where the questions were drawn one by one.

    Returns:
        float64 (systems,), and the number of questions, or of groups.
    """
    n = values.shape[1]
    about = values - mean[:, None]
    alike = (values == values[:, :1]).all(axis=1)
    if groups is not None:
        alike |= still(about, groups)
        about = sums(about, groups)
    size = about.shape[1]
    squares = np.einsum("ij,ij->i", about, about)
    error = np.sqrt(scale(size, n) * squares) if size > 1 else np.zeros_like(mean)
    error[alike] = 0.0
    return error, size


def by_t(
    mean: np.ndarray,
    error: np.ndarray,
    freedom: int | np.ndarray,
    size: int,
    bounded: np.ndarray,
    alpha: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Intervals by t, cut off at 0 and 1; where nothing varies, of ``bound``, or none (NaN).

    Args:
        mean: float64 (systems,).
        error: of the means; 0 where nothing varies.
        freedom: degrees of freedom, one for all or (systems,).
        size: the questions, or the groups of them.
        bounded: whether all values of a system lie in [0, 1]; bool (systems,).
        alpha: 1 − the level.
    """
    low, high = t_interval(mean, error, freedom, alpha)
    low = np.where(bounded, np.maximum(low, 0), low)
    high = np.where(bounded, np.minimum(high, 1), high)
    if (points := error == 0).any():
        ends = bound(np.where(bounded, mean, 0), size, alpha)
        low[points] = np.where(bounded, ends[0], np.nan)[points]
        high[points] = np.where(bounded, ends[1], np.nan)[points]
    return low, high
