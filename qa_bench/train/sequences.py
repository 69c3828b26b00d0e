"""Texts as sequences of tokens, in two flat arrays: five bytes a token."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from qa_bench.models.source import Text

_PLAIN = ("input_ids", "token_type_ids")


class Sequences:
    """Token sequences, each with its special tokens.

    Attributes:
        lengths: of each in tokens, int64 (sequences,).
        special: the numbers of the special tokens, int64 (n,).
    """

    def __init__(
        self, tokenizer: Any, windows: Iterable[Sequence[Text]], limit: int, types: bool
    ) -> None:
        """Make tokens of texts.

        Args:
            tokenizer: of transformers.
            windows: the texts, some at a time; two segments where one is a pair.
            limit: tokens that a sequence is cut to.
            types: whether the model takes segment numbers.
        """
        self._ids, self._types = np.zeros(0, np.int32), np.zeros(0, np.int8)
        pieces: dict[str, list[np.ndarray]] = {name: [] for name in _PLAIN}
        lengths: list[int] = []
        for texts in windows:
            for encoding in _encoded(tokenizer, texts, limit):
                ids = encoding["input_ids"]
                lengths.append(len(ids))
                pieces["input_ids"].append(np.array(ids, np.int32))
                segments = encoding.get("token_type_ids", [0] * len(ids))
                pieces["token_type_ids"].append(np.array(segments, np.int8))
        if lengths:
            self._ids = np.concatenate(pieces["input_ids"])
            self._types = np.concatenate(pieces["token_type_ids"])
        self._has_types = types
        self.lengths = np.array(lengths, np.int64)
        self._starts = np.concatenate([[0], np.cumsum(self.lengths)])
        self.special = np.array(sorted(set(tokenizer.all_special_ids)), np.int64)
        self._padding = int(tokenizer.pad_token_id or 0)

    def __len__(self) -> int:
        """Number of sequences."""
        return len(self.lengths)

    def free(self, first: int = 0) -> np.ndarray:
        """How many tokens of each are not special, from its token ``first`` on; int64 (n,)."""
        sums = np.concatenate([[0], np.cumsum(~np.isin(self._ids, self.special))])
        starts = np.minimum(self._starts[:-1] + first, self._starts[1:])
        counts: np.ndarray = sums[self._starts[1:]] - sums[starts]
        return counts

    def padded(self, places: np.ndarray) -> tuple[dict[str, Any], Any]:
        """Some of them side by side, on the CPU.

        Args:
            places: which.

        Returns:
            What a model takes, int64 of shape (texts, tokens): ``input_ids``, ``attention_mask``
            and, where it takes them, ``token_type_ids``; and which tokens are neither special nor
            padding, bool of the same shape.
        """
        import torch

        shape = len(places), int(self.lengths[places].max())
        arrays = {name: np.zeros(shape, np.int64) for name in (*_PLAIN, "attention_mask")}
        arrays["input_ids"] += self._padding
        for row, place in enumerate(places.tolist()):
            first, length = self._starts[place], self.lengths[place]
            arrays["input_ids"][row, :length] = self._ids[first : first + length]
            arrays["token_type_ids"][row, :length] = self._types[first : first + length]
            arrays["attention_mask"][row, :length] = 1
        if not self._has_types:
            del arrays["token_type_ids"]
        there = arrays["attention_mask"] == 1
        free = there & ~np.isin(arrays["input_ids"], self.special)
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        return tensors, torch.from_numpy(free)


def _encoded(tokenizer: Any, texts: Sequence[Text], limit: int) -> list[dict[str, list[int]]]:
    """Tokens of texts, in their order; those with two segments are made apart."""
    rows: list[dict[str, list[int]]] = [{}] * len(texts)
    for paired in (False, True):
        places = [place for place, text in enumerate(texts) if isinstance(text, tuple) == paired]
        if not places:
            continue
        some = [texts[place] for place in places]
        firsts = [text if isinstance(text, str) else text[0] for text in some]
        seconds = [text[1] for text in some] if paired else None
        encoding = tokenizer(firsts, seconds, truncation=True, max_length=limit)
        for row, place in enumerate(places):
            rows[place] = {name: encoding[name][row] for name in _PLAIN if name in encoding}
    return rows
