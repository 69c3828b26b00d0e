"""Which tokens a model must guess, and what it sees in their place: BERT's rules.

Source: Devlin et al. 2019, BERT, section 3.1, and its ``create_pretraining_data.py``: 15 % of a
text's tokens, at least one, never a special one; of these 80 % are ``[MASK]``, 10 % any word of the
vocabulary, 10 % stay. Draws come from torch's generator on the CPU, which the loop sets by seed and
step.
"""

from __future__ import annotations

from typing import Any

_MASK, _STAY = 0.8, 0.1


def chosen_tokens(free: Any, share: float) -> Any:
    """Draw the tokens to be guessed: the same share of every text, and at least one.

    Args:
        free: bool (texts, tokens): neither special tokens nor padding.
        share: the part of each text's free tokens.

    Returns:
        bool (texts, tokens); none in a text without free tokens.
    """
    import torch

    noise = torch.rand(free.shape).masked_fill(~free, 2.0)
    of_each = free.sum(1)
    count = (of_each * share).round().clamp(min=1)
    rank = noise.argsort(stable=True, dim=1).argsort(stable=True, dim=1)
    return (rank < count[:, None]) & free


def disguised(ids: Any, chosen: Any, mask: int, vocabulary: int) -> Any:
    """The tokens as the model sees them; int64 as ``ids``, which stay as they are.

    Args:
        ids: int64 (texts, tokens).
        chosen: those to be guessed, bool (texts, tokens).
        mask: the token that hides another.
        vocabulary: how many words there are.
    """
    import torch

    fate = torch.rand(ids.shape)
    words = torch.randint(vocabulary, ids.shape)
    seen = ids.masked_fill(chosen & (fate < _MASK), mask)
    swapped = chosen & (fate >= _MASK + _STAY)
    return torch.where(swapped, words, seen)
