"""The error of a mean of values that were drawn in groups: questions of the same articles."""

from __future__ import annotations

import numpy as np


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
