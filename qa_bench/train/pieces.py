"""The sequences of a step through a model piece by piece, so that they need not fit all at once.

What a forward pass leaves for the backward pass grows with the tokens and with the model. Of the
pieces beyond so many tokens (``held_tokens``) only the results are held; the rest is computed again
in the backward pass, with the same dropout. Losses and gradients are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

PIECE_TOKENS = 4096
"""Tokens of a piece, padding included; a sequence that is longer is a piece by itself."""
HELD_TOKENS = 8192
"""Tokens of a step whose intermediate results are held by a model like BERT-base, padding
included."""
_BASE = 12 * 768
"""Layers times width of BERT-base: a token leaves that many vectors' worth behind."""


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


def held_tokens(model: Any) -> int:
    """Tokens of a step whose intermediate results a model holds in the memory that BERT-base takes.

    Args:
        model: a torch module with one of transformers in it; another counts as BERT-base.
    """
    for layer in model.modules():
        config = getattr(layer, "config", None)
        layers, width = (getattr(config, n, None) for n in ("num_hidden_layers", "hidden_size"))
        if layers and width:
            return HELD_TOKENS * _BASE // (int(layers) * int(width))
    return HELD_TOKENS


def in_pieces(
    forward: Callable[[np.ndarray], Tensor], lengths: np.ndarray, most: int
) -> list[tuple[np.ndarray, Tensor]]:
    """(places, what ``forward`` makes of them) for every piece.

    Args:
        forward: takes places and gives a tensor to learn from; alike each time it is called.
        lengths: tokens of each sequence; (sequences,).
        most: tokens whose intermediate results are held, see ``held_tokens``.
    """
    from torch.utils.checkpoint import checkpoint

    results, held = [], 0
    for places in pieces(lengths):
        held += len(places) * int(lengths[places[0]])
        if held <= most:
            results.append((places, forward(places)))
        else:
            results.append((places, checkpoint(forward, places, use_reentrant=False)))
    return results
