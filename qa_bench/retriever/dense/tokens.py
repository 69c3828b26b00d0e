"""Texts of one side as tokens, made once: padded when they are wanted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from qa_bench.models.source import Text
from qa_bench.train.pieces import pieces

_AT_ONCE = 256
_CPU_TOKENS = 1024
"""Tokens that go through the model in one piece on a CPU, padding included: what a layer makes of
them fits into its caches. A step in one piece takes half as long again (two layers of 128)."""
_GPU_TOKENS = 1 << 16


class Tokens:
    """Texts as rows of tokens without padding.

    Attributes:
        lengths: in tokens; int64 (texts,).
    """

    def __init__(
        self,
        preprocess: Callable[..., dict[str, Any]],
        texts: Sequence[Text],
        prompt: str,
        padding: int,
    ) -> None:
        """Make tokens of texts.

        Args:
            preprocess: of the side's tower: takes texts and ``prompt``.
            texts: of that side.
            prompt: what stands before each.
            padding: the token that fills up.
        """
        self._names: list[str] = []
        self._others: dict[str, Any] = {}
        self._rows: list[np.ndarray] = []
        self._padding = padding
        for first in range(0, len(texts), _AT_ONCE):
            self._add(preprocess, texts[first : first + _AT_ONCE], prompt)
        self.lengths = np.array([row.shape[1] for row in self._rows], dtype=np.int64)

    def _add(
        self, preprocess: Callable[..., dict[str, Any]], texts: Sequence[Text], prompt: str
    ) -> None:
        import torch

        batch = dict(preprocess(list(texts), prompt=prompt))
        if "prompt_length" in batch and prompt != prompt.rstrip():
            # A space at the end of the prompt is one token with the word after it.
            alone = preprocess(list(texts[:1]), prompt=prompt.rstrip())
            batch["prompt_length"] = alone["prompt_length"]
        there = batch.pop("attention_mask").bool()
        self._names = [n for n, v in batch.items() if getattr(v, "shape", None) == there.shape]
        stacked = torch.stack([batch.pop(n).to(torch.int32) for n in self._names], 1).numpy()
        self._rows += [one[:, here] for one, here in zip(stacked, there.numpy(), strict=True)]
        self._others = batch

    def features(self, places: np.ndarray, device: Any) -> dict[str, Any]:
        """What the tower takes, shorter texts padded at their ends; int64 (texts, tokens).

        Args:
            places: of the texts.
            device: where the model is.
        """
        import torch

        longest = int(self.lengths[places].max())
        whole = np.zeros((len(self._names) + 1, len(places), longest), dtype=np.int64)
        if "input_ids" in self._names:
            whole[self._names.index("input_ids")] = self._padding
        for at, place in enumerate(places.tolist()):
            row = self._rows[place]
            whole[:-1, at, : row.shape[1]] = row
            whole[-1, at, : row.shape[1]] = 1
        tensors = torch.from_numpy(whole).to(device)
        return {
            **self._others,
            **dict(zip([*self._names, "attention_mask"], tensors, strict=True)),
        }

    def pieces(self, places: np.ndarray, texts: int | None, cpu: bool) -> list[np.ndarray]:
        """Places in pieces of like length, the longest first.

        Args:
            places: of texts, each once.
            texts: of a piece at most; None for as many as their tokens allow.
            cpu: whether the model is on a CPU.
        """
        tokens = _CPU_TOKENS if cpu else _GPU_TOKENS
        return [places[some] for some in pieces(self.lengths[places], tokens, texts)]
