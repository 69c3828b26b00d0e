"""Tango's interval of the difference of two paired shares."""

from __future__ import annotations

from typing import Any

import numpy as np

_HALVINGS = 55
"""From a width of 2 to less than the last digit of a float64."""


def tango(b: Any, c: Any, n: Any, alpha: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    """The interval of (b − c)/n: the differences that McNemar's score test does not reject.

    With Δ a difference and q(Δ) the likeliest share of c under it,
    (b − c − nΔ)² ≤ z² n (2q + Δ(1 − Δ)) where
    q = (√(B² − 4AC) − B) / 2A, A = 2n, B = (2n − b + c)Δ − b − c, C = −cΔ(1 − Δ).
    Both ends are sought by halving, for all tables at once.

    Source: Tango 1998, Statistics in Medicine 17:891-908.

    Args:
        b: questions that the first alone gets, whole numbers of any shape.
        c: questions that the second alone gets, of that shape.
        n: all questions, >= 1.
        alpha: 1 − the level.

    Returns:
        Lowest and highest difference, float64 of that shape.
    """
    from scipy.special import ndtri

    b, c, n = np.broadcast_arrays(*(np.asarray(one, dtype=np.float64) for one in (b, c, n)))
    z2 = float(ndtri(1 - alpha / 2)) ** 2
    # The upper end is the lower one of the table turned round, with the other sign.
    first, second = np.stack([b, c]), np.stack([c, b])
    whole = np.stack([n, n])
    outside = np.full(first.shape, -1.0)
    inside = (first - second) / whole
    for _ in range(_HALVINGS):
        middle = (outside + inside) / 2
        taken = _not_rejected(middle, first, second, whole, z2)
        inside = np.where(taken, middle, inside)
        outside = np.where(taken, outside, middle)
    return inside[0], -inside[1]


def _not_rejected(
    delta: np.ndarray, b: np.ndarray, c: np.ndarray, n: np.ndarray, z2: float
) -> np.ndarray:
    spread = delta * (1 - delta)
    linear = (2 * n - b + c) * delta - b - c
    root = np.sqrt(np.maximum(linear**2 + 8 * n * c * spread, 0))
    # The larger root, without taking the difference of two numbers that are nearly the same.
    likeliest = np.where(
        linear > 0,
        2 * c * spread / np.where(linear > 0, linear + root, 1),
        (root - linear) / (4 * n),
    )
    variance = n * np.maximum(2 * likeliest + spread, 0)
    return (b - c - n * delta) ** 2 <= z2 * variance  # type: ignore[no-any-return]
