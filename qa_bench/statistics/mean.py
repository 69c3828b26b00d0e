"""The t interval of a mean, and the bound that stands in where values do not vary."""

from __future__ import annotations

from typing import Any

import numpy as np

from qa_bench.statistics.wilson import wilson


def t_interval(
    mean: np.ndarray, error: np.ndarray, freedom: int | np.ndarray, alpha: float = 0.05
) -> tuple[np.ndarray, np.ndarray]:
    """Student's interval: mean ± t(1 − α/2) · error.

    Source: Student 1908, Biometrika 6:1-25.

    Args:
        mean: of any shape.
        error: standard errors of the means.
        freedom: degrees of freedom, >= 1; one for all, or one a mean.
        alpha: 1 − the level.
    """
    from scipy.special import stdtrit

    half = stdtrit(freedom, 1 - alpha / 2) * error
    return mean - half, mean + half


def t_test(mean: np.ndarray, error: np.ndarray, freedom: int | np.ndarray) -> np.ndarray:
    """Two-sided p of a mean of 0; 1 where the mean is 0, whatever the error."""
    from scipy.special import stdtr

    ratio = np.divide(np.abs(mean), error, out=np.zeros_like(mean), where=error > 0)
    return np.where(mean == 0, 1.0, 2 * stdtr(freedom, -ratio))


def bound(mean: np.ndarray, size: int, alpha: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    """An interval for values in [0, 1] that do not vary, where t's would have no width.

    No value in [0, 1] varies more than a 0/1 value of the same mean, so Wilson's interval is wide
    enough.

    Args:
        mean: means of such values.
        size: the questions; of questions in groups, the groups, as if each spoke with one voice.
        alpha: 1 − the level.
    """
    return wilson(mean * size, size, alpha)


def bound_of_difference(
    mean: Any, size: int, alpha: float = 0.05
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Interval and p for differences in [-1, 1] that are the same at every question.

    Where all are 0, Tango's interval of a table without discordant questions, ± z²/(n + z²), and
    1. Else as ``bound``, for (difference + 1)/2, and the score test that it inverts.

    Args:
        mean: the differences.
        size: as for ``bound``.
        alpha: 1 − the level.
    """
    from scipy.special import ndtr, ndtri

    mean = np.asarray(mean, dtype=np.float64)
    z2 = ndtri(1 - alpha / 2) ** 2
    low, high = bound((mean + 1) / 2, size, alpha)
    width = z2 / (size + z2)
    low = np.where(mean == 0, -width, 2 * low - 1)
    high = np.where(mean == 0, width, 2 * high - 1)
    return low, high, 2 * ndtr(-np.abs(mean) * np.sqrt(size))
