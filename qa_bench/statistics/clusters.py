"""The error of a mean of values that were drawn in groups: questions of the same articles."""

from __future__ import annotations

import numpy as np

_ROUNDING = 1e-12
"""Sums by group below this share of all deviations are 0 but for rounding."""


def sums(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """The sum of each row's values by group.

    Args:
        values: float64 of shape (systems, n).
        groups: codes from 0, int of shape (n,).

    Returns:
        float64 of shape (systems, groups).
    """
    count = int(groups.max()) + 1
    return np.stack([np.bincount(groups, row, minlength=count) for row in values])


def still(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Whether all groups of each row have the same mean, so that they tell no error.

    Their sums are 0 but for rounding then, and t's interval would be a point.

    Args:
        values: about their means, float64 of shape (systems, n).
        groups: codes from 0, int of shape (n,).

    Returns:
        bool of shape (systems,).
    """
    largest = np.abs(sums(values, groups)).max(axis=1)
    flags: np.ndarray = largest <= _ROUNDING * np.abs(values).sum(axis=1)
    return flags


def scale(groups: int, n: int) -> float:
    """What a sum of squared group sums is multiplied with to be the variance of a mean.

    Var(mean) = G/(G−1) · Σ_g (Σ_{i in g} (x_i − mean))² / n², with G − 1 degrees of freedom.

    Source: Miller 2024, Adding Error Bars to Evals, arXiv:2411.00640, section 2.2 (clustered
    standard errors), with the correction G/(G−1) for few groups of Cameron and Miller 2015,
    Journal of Human Resources 50:317-372, section II.

    Args:
        groups: G, two at least.
        n: the questions.
    """
    return groups / (groups - 1) / n**2
