"""Random draws of a set's questions, for all columns by one product.

The sum of a flipped difference of two systems is the difference of their flipped sums, and a mean
of drawn questions is a product with how often each was drawn: whatever is to be compared, one
product of values and draws has it all. Draws come in blocks, so that memory stays flat.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np

_ENTRIES = 1 << 22
"""Of a block: draws × items."""

_EXACT = 1 << 24
"""Up to here, a float32 holds every whole number."""


def generator(digest: str, purpose: str) -> np.random.Generator:
    """Random numbers of a question set: the same for every system on it.

    Args:
        digest: of the set's questions.
        purpose: what they are for.
    """
    seed = hashlib.sha256(f"{digest}|{purpose}".encode()).digest()[:16]
    return np.random.default_rng(int.from_bytes(seed, "big"))


def flipped_sums(values: np.ndarray, samples: int, digest: str) -> np.ndarray:
    """Sums of values whose signs were drawn, the same signs for all rows.

    Args:
        values: float64 of shape (rows, items).
        samples: how many draws.
        digest: of the set's questions.

    Returns:
        float64 of shape (rows, samples).
    """
    random = generator(digest, "flips")
    items = values.shape[1]
    length = -(-items // 64) * 8

    def halves(count: int) -> np.ndarray:
        drawn = np.frombuffer(random.bytes(count * length), dtype=np.uint8)
        return np.unpackbits(drawn.reshape(count, length), axis=1, count=items)

    # Signs are 2 · (0 or 1) − 1: bits are multiplied, the rest is done to the sums.
    sums = _products(values, samples, halves)
    sums *= 2
    sums -= values.sum(axis=1, keepdims=True)
    return sums


def drawn_sums(values: np.ndarray, samples: int, digest: str) -> np.ndarray:
    """Sums of as many items as there are, drawn with repetition, the same for all rows.

    Args:
        values: float64 of shape (rows, items).
        samples: how many draws.
        digest: of the set's questions.

    Returns:
        float64 of shape (rows, samples).
    """
    random = generator(digest, "bootstrap")
    items = values.shape[1]

    def counts(count: int) -> np.ndarray:
        rows = np.empty((count, items), dtype=np.float32)
        for row in rows:
            row[:] = np.bincount(random.integers(0, items, items, np.int32), minlength=items)
        return rows

    return _products(values, samples, counts)


def _products(values: np.ndarray, samples: int, draw: Callable[[int], np.ndarray]) -> np.ndarray:
    """Values times draws: where all sums are whole numbers, in float32, which is exact then."""
    whole = np.all(values == np.floor(values), axis=1)
    whole &= np.abs(values).max(axis=1) * values.shape[1] < _EXACT
    small, large = values[whole].astype(np.float32), values[~whole]
    sums = np.empty((len(values), samples))
    block = max(1, min(samples, _ENTRIES // values.shape[1]))
    for start in range(0, samples, block):
        drawn = draw(min(block, samples - start))
        end = start + len(drawn)
        if len(small):
            sums[whole, start:end] = small @ drawn.astype(np.float32, copy=False).T
        if len(large):
            sums[~whole, start:end] = large @ drawn.astype(np.float64).T
    return sums
