"""BGE-M3 to be trained: any encoder, with heads of its own or new ones."""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path
from typing import Any

from qa_bench.models.checkpoint import checkpoint, quiet
from qa_bench.models.m3_model import TERMS, TOKENS, has_heads, m3_model, with_heads
from qa_bench.models.sentence_model import sentence_model
from qa_bench.models.source import Source, Text

log = logging.getLogger(__name__)


def m3_to_train(source: Source) -> Any:
    """The model on the CPU, one tower for both sides, as ``models.towers`` has them.

    A base without heads gets new ones, drawn from torch's generator: vectors of tokens are as long
    as the encoder's states.

    Raises:
        UserError: there is no such model, or it lacks weights, or one of two heads.
    """
    import torch

    with checkpoint(source, None) as place:
        there = has_heads(place)
    if there:
        return _kind()(m3_model(source))
    log.info("train: %s has no heads of BGE-M3: they begin with random weights", source.model)
    encoder = sentence_model(source)
    hidden = int(encoder[0].model.config.hidden_size)
    heads = torch.nn.Linear(hidden, 1), torch.nn.Linear(hidden, hidden)
    return _kind()(with_heads(encoder, *heads))


@cache
def _kind() -> Any:
    import torch

    class Trained(torch.nn.Module):
        """One tower that makes three kinds of vectors."""

        def __init__(self, model: Any) -> None:
            super().__init__()
            self.model = model

        @property
        def question(self) -> Any:
            """The modules of questions, which are those of passages."""
            return self.model.encoder

        @property
        def passage(self) -> Any:
            """The modules of passages."""
            return self.model.encoder

        def preprocess(self, side: str, texts: list[Text], prompt: str = "") -> dict[str, Any]:
            """Features of texts; both sides are one."""
            features: dict[str, Any] = self.model.preprocess(texts, prompt=prompt)
            return features

        def encode(self, side: str, features: dict[str, Any]) -> dict[str, Any]:
            """``sentence_embedding``, ``token_vectors``, ``terms`` and ``weights``."""
            output: dict[str, Any] = self.model(features)
            return output

        def save(self, folder: Path) -> None:
            """Write the encoder as sentence-transformers does, and the heads beside it."""
            with quiet():
                self.model.encoder.save(str(folder), create_model_card=False)
            for name, head in ((TERMS, self.model.terms), (TOKENS, self.model.tokens)):
                torch.save(head.state_dict(), folder / name)

    return Trained
