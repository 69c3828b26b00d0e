"""Holm's adjustment of p-values for how many were looked at."""

from __future__ import annotations

from typing import Any

import numpy as np


def holm(p: Any) -> np.ndarray:
    """Adjusted p-values: below α for no true hypothesis of a family, but in a share α of families.

    In ascending order, max over j ≤ i of (m − j + 1) · p(j), 1 at most.

    Source: Holm 1979, Scandinavian Journal of Statistics 6:65-70.

    Args:
        p: p-values; the last axis is a family, of any size; (…, m).

    Returns:
        float64 of that shape.
    """
    raw = np.asarray(p, dtype=np.float64)
    order = np.argsort(raw, axis=-1, kind="stable")
    factors = np.arange(raw.shape[-1], 0, -1)
    steps = np.maximum.accumulate(np.take_along_axis(raw, order, -1) * factors, axis=-1)
    adjusted = np.empty_like(raw)
    np.put_along_axis(adjusted, order, np.minimum(steps, 1.0), -1)
    return adjusted
