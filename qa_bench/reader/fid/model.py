"""Fusion-in-decoder's model: a T5 whose decoder looks at the states of several inputs at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from qa_bench.errors import UserError
from qa_bench.models.decoding import generated, of_like_length, padded
from qa_bench.models.source import Source
from qa_bench.text import filled

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Form:
    """What the model is given; the same in training as when reading.

    Attributes:
        passage: what is encoded of a passage: {question}, {title} and {text}.
        max_length: tokens it is cut to, the end token among them.
        max_tokens: longest answer in tokens.
    """

    passage: str
    max_length: int
    max_tokens: int

    def ids(
        self, tokenizer: Any, question: str, passages: Sequence[tuple[str, str]]
    ) -> list[list[int]]:
        """The tokens of each (title, text) with the question."""
        texts = [
            filled(self.passage, question=question, title=title, text=text)
            for title, text in passages
        ]
        ids: list[list[int]] = tokenizer(texts, truncation=True, max_length=self.max_length)[
            "input_ids"
        ]
        return ids


def check_t5(setting: str, source: Source, kind: Any) -> None:
    """Refuse other kinds of models.

    They know a token's place in the whole input, which the decoder would see mixed up.

    Raises:
        UserError: it is one of another kind.
    """
    if kind not in ("t5", "mt5", "umt5"):
        raise UserError(
            f"{setting}: {source.model} is no T5 but a '{kind}', and fusion-in-decoder needs one"
        )


def encoded(
    model: Any, ids: list[list[int]], batch_size: int, device: torch.device
) -> torch.Tensor:
    """The states of all tokens of all passages, in order; of shape (tokens, width)."""
    import torch

    states: list[Any] = [None] * len(ids)
    for places in of_like_length(np.array([len(one) for one in ids]), batch_size):
        some = [ids[place] for place in places]
        tokens, mask = padded(some, model.config.pad_token_id or 0, pad_left=False)
        output = model.encoder(input_ids=tokens.to(device), attention_mask=mask.to(device))
        for place, row, one in zip(places, output.last_hidden_state, some, strict=True):
            states[place] = row[: len(one)]
    return torch.cat(states)


def decoded(model: Any, states: list[torch.Tensor], max_tokens: int) -> list[list[int]]:
    """The tokens of each question's answer, from its states (tokens, width)."""
    return generated(model, max_tokens, skip=1, **fused(states))


def fused(states: list[torch.Tensor]) -> dict[str, Any]:
    """What the decoder is given of questions' states, each (tokens, width)."""
    import torch
    from transformers.modeling_outputs import BaseModelOutput

    together = torch.nn.utils.rnn.pad_sequence(states, batch_first=True)
    mask = torch.zeros(together.shape[:2], dtype=torch.int64, device=together.device)
    for number, row in enumerate(states):
        mask[number, : len(row)] = 1
    outputs: Any = BaseModelOutput
    return {"encoder_outputs": outputs(last_hidden_state=together), "attention_mask": mask}
