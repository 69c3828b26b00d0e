"""What BGE-M3 learns in a step: three heads' scores, and a loss of them."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from qa_bench.retriever.dense.task import PASSAGE, QUESTION, BiEncoderTask, Step
from qa_bench.train.loop import Autocast
from qa_bench.train.losses.m3 import Heads, late_interaction, lexical
from qa_bench.train.losses.similarities import cosine

_VECTORS, _TOKENS, _THERE, _TERMS, _WEIGHTS = range(5)


class M3Task(BiEncoderTask):
    """``BiEncoderTask`` with a loss of ``Heads``."""

    def backward(self, model: Any, places: np.ndarray, autocast: Autocast) -> float:
        """See ``Task``."""
        step = self.step(places)
        with autocast():
            sides = self._sides(model, step)
        loss = self._of_heads(sides, step)
        value = float(loss.detach())
        loss.backward()
        return value

    def loss(self, model: Any, places: np.ndarray) -> Any:
        """The mean loss of the examples at ``places``."""
        step = self.step(places)
        return self._of_heads(self._sides(model, step), step)

    def _sides(self, model: Any, step: Step) -> tuple[list[Any], list[Any]]:
        """What the model makes of the questions and of the passages."""
        return (
            self._encoded(model, QUESTION, step.questions),
            self._encoded(model, PASSAGE, step.passages),
        )

    def _encoded(self, model: Any, side: str, places: np.ndarray) -> list[Any]:
        """Vectors; vectors of tokens, and which are no padding; terms and weights; (texts, …)."""
        import torch

        unique, order = np.unique(places, return_inverse=True)
        device = next(model.parameters()).device
        pieces = self._tokens[side].pieces(unique, None, device.type == "cpu")
        longest = int(self._tokens[side].lengths[unique].max())
        columns: list[list[Any]] = [[] for _ in range(5)]
        for piece in pieces:
            features = self._tokens[side].features(piece, device)
            there = features["attention_mask"][:, 1:].bool()
            output = model.encode(side, features)
            more = longest - there.shape[1] - 1
            pad = torch.nn.functional.pad
            for column, part in zip(
                columns,
                (
                    output["sentence_embedding"].float(),
                    pad(output["token_vectors"].float(), (0, 0, 0, more)),
                    pad(there, (0, more)),
                    pad(output["terms"], (0, more)),
                    pad(output["weights"].float(), (0, more)),
                ),
                strict=True,
            ):
                column.append(part)
        at = np.empty(len(unique), dtype=np.int64)
        at[np.searchsorted(unique, np.concatenate(pieces))] = np.arange(len(unique))
        rows = torch.from_numpy(at[order]).to(device)
        return [torch.cat(column)[rows] for column in columns]

    def _of_heads(self, sides: tuple[list[Any], list[Any]], step: Step) -> Any:
        """The loss of the scores of all pairs, those in float32."""
        import torch

        questions, passages = sides
        device, loss = questions[_VECTORS].device, cast(Any, self._loss)
        heads = Heads(
            cosine(questions[_VECTORS], passages[_VECTORS]),
            lexical(questions[_TERMS], questions[_WEIGHTS], passages[_TERMS], passages[_WEIGHTS]),
            late_interaction(
                questions[_TOKENS], questions[_THERE], passages[_TOKENS], passages[_THERE]
            ),
            torch.from_numpy(step.own).to(device),
            torch.from_numpy(step.masked).to(device),
        )
        return loss(heads)
