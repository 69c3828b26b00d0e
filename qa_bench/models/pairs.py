"""Pairs of a question and a passage as rows of tokens.

Questions and passages are tokenised once each, whatever the number of pairs they are in. What a
tokenizer puts around a pair does not depend on the texts, so that a row is put together from the
parts when its batch comes: token for token what ``tokenizer(question, passage)`` gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qa_bench.errors import UserError

_AT_ONCE = 4096
"""Texts given to the tokenizer at once: their encodings take many times the ids' memory."""


@dataclass(frozen=True)
class Frame:
    """What stands around the tokens of a question and those of a passage.

    Attributes:
        names: the features that every token has: ``input_ids`` first, perhaps ``token_type_ids``.
        before: what comes first; int64 (names, tokens).
        between: what separates the two; likewise.
        after: what comes last; likewise.
        question: the other features of a question's tokens; (names - 1,).
        passage: of a passage's tokens.
        cuts: of a pair that is too long, longest_first or only_second.
        constants: (name, value) of what the model is given beside arrays.
        heads: the feature that tells how many tokens stand before a row's passage; "" for none.
    """

    names: tuple[str, ...]
    before: np.ndarray
    between: np.ndarray
    after: np.ndarray
    question: tuple[int, ...] = ()
    passage: tuple[int, ...] = ()
    cuts: str = "longest_first"
    constants: tuple[tuple[str, Any], ...] = ()
    heads: str = ""

    @property
    def tokens(self) -> int:
        """How many tokens it has itself."""
        return sum(int(ids.shape[1]) for ids in (self.before, self.between, self.after))


def frame_of(tokenizer: Any) -> Frame | None:
    """The frame that a fast tokenizer puts around a pair; None where it has no fixed one."""
    if not tokenizer.is_fast:
        return None
    encoding = tokenizer("who", "where")
    owners = encoding.sequence_ids(0)
    names = (
        "input_ids",
        *(name for name in encoding if name not in ("input_ids", "attention_mask")),
    )
    values = np.array([encoding[name] for name in names], dtype=np.int64)
    first, second = (np.flatnonzero([o == owner for o in owners]) for owner in (0, 1))
    if not len(first) or not len(second) or first[-1] > second[0]:
        return None
    return Frame(
        names,
        values[:, : first[0]],
        values[:, first[-1] + 1 : second[0]],
        values[:, second[-1] + 1 :],
        tuple(values[1:, first[0]].tolist()),
        tuple(values[1:, second[0]].tolist()),
    )


def tokenised(tokenizer: Any, texts: Sequence[str]) -> list[np.ndarray]:
    """The tokens of each text, nothing around them; int32 (tokens,)."""
    rows: list[np.ndarray] = []
    for first in range(0, len(texts), _AT_ONCE):
        some = tokenizer(
            list(texts[first : first + _AT_ONCE]),
            add_special_tokens=False,
            truncation=False,
            padding=False,
            return_attention_mask=False,
            verbose=False,
        )
        rows.extend(np.array(ids, dtype=np.int32) for ids in some["input_ids"])
    return rows


class Framed:
    """Pairs in a frame; those that are too long are cut, or split into several rows.

    Attributes:
        lengths: tokens of each row; (rows,).
        owners: each row's pair, ascending; (rows,).
    """

    def __init__(
        self,
        frame: Frame,
        limit: int | None,
        questions: Sequence[np.ndarray],
        passages: Sequence[np.ndarray],
        question_rows: np.ndarray,
        which: np.ndarray,
        overlap: int | None = None,
    ) -> None:
        """Say what every row will hold.

        Args:
            frame: see ``Frame``.
            limit: tokens that a row may have; None for any number.
            questions: tokens of the questions.
            passages: tokens of the passages.
            question_rows: each pair's question; (pairs,).
            which: each pair's passage; (pairs,).
            overlap: split what is too long into pieces with so many tokens in common (a quarter of
                a piece at most: ``BCEmbedding/models/utils.py``); None cuts it.

        Raises:
            UserError: a question leaves no room for a passage.
        """
        self._frame, self._questions, self._passages = frame, questions, passages
        heads = np.array([len(ids) for ids in questions], dtype=np.int64)[question_rows]
        tails = np.array([len(ids) for ids in passages], dtype=np.int64)[which]
        starts, rows = np.zeros_like(tails), np.arange(len(question_rows))
        if limit is not None:
            room = limit - frame.tokens
            if (heads >= room).any():
                raise UserError(
                    f"a question of {heads.max()} tokens leaves no room for a passage: the model "
                    f"takes {limit} tokens, {frame.tokens} of them its own (reranker.max_length)"
                )
            if overlap is not None:
                rows, starts, tails = _split(room - heads, tails, overlap)
                heads = heads[rows]
            elif frame.cuts == "only_second":
                tails = np.minimum(tails, room - heads)
            else:
                heads, tails = _longest_first(heads, tails, room)
        self._question_rows, self._which = question_rows[rows], which[rows]
        self._heads, self._starts, self._tails = heads, starts, tails
        self.owners = rows
        self.lengths = frame.tokens + heads + tails

    def features(self, places: np.ndarray) -> dict[str, Any]:
        """Input of rows of one length; int64 arrays (places, tokens)."""
        frame = self._frame
        tokens = np.empty((len(frame.names), len(places), self.lengths[places[0]]), np.int64)
        for row, place in enumerate(places):
            head, start = self._heads[place], self._starts[place]
            question = self._questions[self._question_rows[place]][:head]
            read = self._passages[self._which[place]][start : start + self._tails[place]]
            at = 0
            for ids, others in (
                (frame.before, None),
                (question, frame.question),
                (frame.between, None),
                (read, frame.passage),
                (frame.after, None),
            ):
                end = at + ids.shape[-1]
                if others is None:
                    tokens[:, row, at:end] = ids
                else:
                    tokens[0, row, at:end] = ids
                    tokens[1:, row, at:end] = np.array(others, np.int64)[:, None]
                at = end
        features = dict(zip(frame.names, tokens, strict=True))
        if frame.heads:
            around = frame.before.shape[1] + frame.between.shape[1]
            features[frame.heads] = around + self._heads[places]
        return {**dict(frame.constants), **features, "attention_mask": np.ones_like(tokens[0])}


def _longest_first(
    heads: np.ndarray, tails: np.ndarray, room: int
) -> tuple[np.ndarray, np.ndarray]:
    """Lengths of two segments cut to ``room`` as the tokenizers library does.

    The longer one is cut, to half of the room at most; then the shorter one too, and has the token
    less where the room is odd.
    """
    short, long = np.minimum(heads, tails), np.maximum(heads, tails)
    fits = short + long <= room
    cut = np.maximum(short, room - short)
    both = short + cut > room
    long = np.where(fits, long, np.where(both, room // 2 + room % 2, cut))
    short = np.where(~fits & both, room // 2, short)
    swap = heads > tails
    return np.where(swap, long, short), np.where(swap, short, long)


def _split(
    rooms: np.ndarray, tails: np.ndarray, overlap: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pieces of passages: each one's pair, first token and number of tokens."""
    steps = np.maximum(rooms - np.minimum(overlap, rooms // 4), 1)
    counts = 1 + np.maximum(0, -(-(tails - rooms) // steps))
    rows = np.repeat(np.arange(len(tails)), counts)
    nth = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    starts = nth * steps[rows]
    return rows, starts, np.minimum(rooms[rows], tails[rows] - starts)


class Whole:
    """Pairs as a model's own ``preprocess`` makes them, for those that put no frame around texts.

    Attributes:
        lengths: tokens of each row; (rows,).
        owners: each row's pair; (rows,).
    """

    def __init__(self, preprocess: Any, pairs: Sequence[tuple[str, str]]) -> None:
        """Preprocess all pairs.

        Args:
            preprocess: takes a list of pairs, returns features.
            pairs: texts of question and passage.
        """
        self._rows: list[np.ndarray] = []
        self._names: list[str] = []
        self._others: dict[str, Any] = {}
        for first in range(0, len(pairs), 256):
            batch = dict(preprocess(list(pairs[first : first + 256])))
            there = batch.pop("attention_mask").numpy().astype(bool)
            self._names = [n for n, v in batch.items() if getattr(v, "shape", None) == there.shape]
            values = np.stack([batch.pop(name).numpy() for name in self._names], 1)
            self._rows += [
                v[:, here].astype(np.int32) for v, here in zip(values, there, strict=True)
            ]
            self._others = batch
        self.owners = np.arange(len(pairs))
        self.lengths = np.array([row.shape[1] for row in self._rows], dtype=np.int64)

    def features(self, places: np.ndarray) -> dict[str, Any]:
        """Input of rows of one length."""
        stacked = np.stack([self._rows[place] for place in places], 1)
        features = dict(zip(self._names, stacked, strict=True))
        return {**self._others, **features, "attention_mask": np.ones_like(stacked[0])}
