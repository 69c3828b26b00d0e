"""Wilson's score interval of a share."""

from __future__ import annotations

from typing import Any

import numpy as np


def wilson(hits: Any, n: Any, alpha: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    """The interval of ``hits`` of ``n``: the shares that a score test does not reject.

    Centre (p + z²/2n) / (1 + z²/n), half width z √(p(1−p)/n + z²/4n²) / (1 + z²/n).

    Source: Wilson 1927, Journal of the American Statistical Association 22:209-212; Brown, Cai and
    DasGupta 2001, Statistical Science 16:101-133, formula 4, who recommend it.

    Args:
        hits: how many are 1, of any shape; need not be whole.
        n: of how many, >= 1.
        alpha: 1 − the level.

    Returns:
        Lowest and highest share, float64 of that shape.
    """
    from scipy.special import ndtri

    hits, n = np.asarray(hits, dtype=np.float64), np.asarray(n, dtype=np.float64)
    z2 = ndtri(1 - alpha / 2) ** 2
    share, scale = hits / n, 1 + z2 / n
    centre = (share + z2 / (2 * n)) / scale
    half = np.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n * n))) / scale
    # At 0 and n of n the interval ends there exactly; rounding would end it beside.
    low = np.where(hits == 0, 0.0, np.maximum(centre - half, 0.0))
    high = np.where(hits == n, 1.0, np.minimum(centre + half, 1.0))
    return low, high
