"""The smallest difference that so many questions can show."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

DISCORDANCE = 0.1
"""The share of questions that one of two systems alone gets, where no pair tells."""

POWER = 0.8
"""How often a difference of that size shall be seen."""


def detectable(
    error: Any, alpha: float = 0.05, comparisons: int = 1, freedom: Any = None
) -> np.ndarray:
    """(z(1 − α/2m) + z(power)) · standard error of the difference.

    A smaller difference is not seen in four of five repetitions. α is shared among the m
    comparisons of the family, as Holm's first step does.

    Source: Card et al. 2020, With Little Power Comes Great Responsibility (EMNLP); Miller 2024,
    arXiv:2411.00640, section 5.

    Args:
        error: standard errors of differences, of any shape, in the metric's unit.
        alpha: of the family.
        comparisons: m, 1 at least.
        freedom: degrees of freedom of the errors, where they are few: t's quantiles then, not z's.
    """
    from scipy.special import ndtri, stdtrit

    share = alpha / max(comparisons, 1)
    if freedom is not None:
        places = stdtrit(freedom, 1 - share / 2) + stdtrit(freedom, POWER)
        return np.asarray(places * np.asarray(error))
    return np.asarray((ndtri(1 - share / 2) + ndtri(POWER)) * np.asarray(error))


def assumed_error(n: int, discordance: float = DISCORDANCE) -> float:
    """The error of a difference before anything is measured: √(discordance / n).

    Args:
        n: the questions.
        discordance: share of the questions that one of both alone gets.
    """
    return math.sqrt(discordance / n)
