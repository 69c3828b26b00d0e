"""The sequences of a step through a model piece by piece, so that they need not fit all at once.

What a forward pass leaves for the backward pass grows with the tokens. Of the pieces beyond
``HELD_TOKENS`` only the results are held; the rest is computed again in the backward pass, with the
same dropout. Losses and gradients are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

PIECE_TOKENS = 4096
"""Tokens of a piece, padding included; a sequence that is longer is a piece by itself."""
HELD_TOKENS = 8192
"""Tokens of a step whose intermediate results are held, padding included."""


def pieces(
    lengths: np.ndarray, tokens: int | None = None, most: int | None = None
) -> list[np.ndarray]:
    """Places of sequences, those of like length together, the longest first.

    Args:
        lengths: tokens of each sequence; (sequences,).
        tokens: of a piece, padding included; None for ``PIECE_TOKENS``.
        most: sequences of a piece at most; None for as many as their tokens allow.
    """
    order = np.argsort(-lengths, kind="stable")
    result, first = [], 0
    while first < len(order):
        size = max(1, (tokens or PIECE_TOKENS) // max(1, int(lengths[order[first]])))
        size = size if most is None else min(size, most)
        result.append(order[first : first + size])
        first += size
    return result


def in_pieces(
    forward: Callable[[np.ndarray], Tensor], lengths: np.ndarray
) -> list[tuple[np.ndarray, Tensor]]:
    """(places, what ``forward`` makes of them) for every piece.

    Args:
        forward: takes places and gives a tensor to learn from; alike each time it is called.
        lengths: tokens of each sequence; (sequences,).
    """
    from torch.utils.checkpoint import checkpoint

    results, held = [], 0
    for places in pieces(lengths):
        held += len(places) * int(lengths[places[0]])
        if held <= HELD_TOKENS:
            results.append((places, forward(places)))
        else:
            results.append((places, checkpoint(forward, places, use_reentrant=False)))
    return results
