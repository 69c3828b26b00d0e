"""What rerankers with a head a layer have in common: BGE's on MiniCPM and on Gemma 2.

After github.com/FlagOpen/FlagEmbedding, ``inference/reranker/decoder_only/models``. A score is read
after the first n layers, and the others are not computed; on the way the passage's tokens may be
made fewer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qa_bench.errors import UserError

if TYPE_CHECKING:
    import torch


def heads(width: int, count: int) -> Any:
    """A head a layer, named as in the checkpoints: ``lm_head.0.linear_head.weight``."""
    import torch

    class Head(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear_head = torch.nn.Linear(width, 1, bias=False)

    return torch.nn.ModuleList([Head() for _ in range(count)])


def chosen_layers(cutoff_layers: Sequence[int] | None, layers: Sequence[int]) -> list[int]:
    """After how many layers a score is read, ascending.

    Args:
        cutoff_layers: what is set; None for the last layer.
        layers: those that have a head.

    Raises:
        UserError: a layer has none.
    """
    stops = sorted(set([layers[-1]] if cutoff_layers is None else cutoff_layers))
    missing = [layer for layer in stops if layer not in layers]
    if missing or not stops:
        raise UserError(
            f"reranker.template.arguments.cutoff_layers={missing or stops}: the model has "
            f"heads after the layers {layers[0]} to {layers[-1]}"
            + (f", every {layers[1] - layers[0]}" if len(layers) > 1 else "")
        )
    return stops


def compressed(
    hidden: torch.Tensor,
    lengths: torch.Tensor,
    query_lengths: torch.Tensor,
    prompt_lengths: torch.Tensor,
    ratio: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Means of ``ratio`` neighbouring tokens in place of a passage's tokens.

    The last mean may be of fewer. Rows that become shorter than others are filled with zeros at
    their end, which no token of a decoder sees.

    Args:
        hidden: (rows, tokens, width).
        lengths: tokens of each row; (rows,).
        query_lengths: of them, those before the passage; (rows,).
        prompt_lengths: of them, those after it; (rows,).
        ratio: of tokens to means.

    Returns:
        The states (rows, fewer tokens, width), and the tokens of each row (rows,).
    """
    import torch

    rows = []
    sizes = torch.stack([lengths, query_lengths, prompt_lengths], 1).tolist()
    for states, (length, before, after) in zip(hidden, sizes, strict=True):
        passage = states[before : length - after]
        whole = len(passage) // ratio * ratio
        means = passage[:whole].unflatten(0, (-1, ratio)).mean(1)
        parts = [states[:before], means, states[length - after : length]]
        if whole < len(passage):
            parts.insert(2, passage[whole:].mean(0, keepdim=True))
        rows.append(torch.cat(parts))
    shorter = torch.tensor([len(row) for row in rows], device=hidden.device)
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True), shorter


def last_tokens(hidden: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """The state of each row's last token; (rows, 1, width)."""
    import torch

    return hidden[torch.arange(len(hidden), device=hidden.device), lengths - 1].unsqueeze(1)
