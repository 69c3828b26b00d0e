"""Question, title and passage as the tokens of one sequence, and back to the passage's characters.

A passage that is too long is read in windows. Where an answer may lie is always the passage's own
text, never the question or the title.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from qa_bench.errors import UserError
from qa_bench.models.positions import check_length
from qa_bench.settings import one_of, whole_number


@dataclass(frozen=True)
class Shape:
    """How sequences are made.

    Attributes:
        title: segment (``[CLS] question [SEP] title [SEP] text``, as DPR's reader has it) or none
            (``[CLS] question [SEP] text [SEP]``).
        max_length: tokens of a sequence.
        stride: tokens from the start of a window to the start of the next.
        question_tokens: tokens a question is cut to.
    """

    title: str = "none"
    max_length: int = 384
    stride: int = 128
    question_tokens: int = 64

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            UserError: one is out of range.
        """
        one_of("reader.title", self.title, ("segment", "none"))
        whole_number("reader.max_length", self.max_length)
        whole_number("reader.stride", self.stride)
        whole_number("reader.question_tokens", self.question_tokens)
        if self.max_length < 2 * self.question_tokens:
            raise UserError(
                f"reader.max_length={self.max_length} leaves no room beside questions: at least "
                f"twice reader.question_tokens={self.question_tokens}"
            )


class Window(NamedTuple):
    """A sequence for the model.

    Attributes:
        ids: its tokens, int32 of shape (tokens,).
        types: the segment of each, int32 of shape (tokens,); None where the model knows none.
        at: where in ``ids`` the passage's tokens begin.
        first: which of the passage's tokens is the first of them.
        size: how many there are.
    """

    ids: np.ndarray
    types: np.ndarray | None
    at: int
    first: int
    size: int


class Padding(NamedTuple):
    """Fills sequences up, so that several make a batch.

    torch's attention on a CPU takes up to twice the time where a length is no multiple of 16: what
    is left over of a vector's width is then taken number by number. And memory in a few sizes only
    is found again more quickly.

    Attributes:
        token: what they are filled with.
        most: tokens that the model takes.
    """

    token: int
    most: int

    def length(self, lengths: Any) -> Any:
        """What sequences of so many tokens are filled up to, an int or an array of them."""
        return np.minimum(-(-lengths // 16) * 16, self.most)

    def arrays(self, windows: Sequence[Window]) -> dict[str, np.ndarray]:
        """What the model is given; int64 of shape (windows, tokens)."""
        length = int(self.length(max(len(window.ids) for window in windows)))
        ids = np.full((len(windows), length), self.token, dtype=np.int64)
        there, types = np.zeros_like(ids), np.zeros_like(ids)
        for row, window in enumerate(windows):
            ids[row, : len(window.ids)] = window.ids
            there[row, : len(window.ids)] = 1
            if window.types is not None:
                types[row, : len(window.ids)] = window.types
        arrays = {"input_ids": ids, "attention_mask": there}
        return arrays if windows[0].types is None else {**arrays, "token_type_ids": types}


class Layout:
    """Makes sequences for one model."""

    def __init__(self, tokenizer: Any, shape: Shape, limit: int, types: bool) -> None:
        """Find out what the tokenizer puts around and between two segments.

        Args:
            tokenizer: of transformers, one that knows characters ("fast").
            shape: see there.
            limit: tokens that the model takes.
            types: whether the model takes segment numbers.

        Raises:
            UserError: the tokenizer cannot tell where in a text its tokens lie, or the model takes
                fewer tokens.
        """
        check_length("reader.max_length", shape.max_length, limit)
        backend = getattr(tokenizer, "backend_tokenizer", None)
        if backend is None:
            raise UserError(
                f"tokenizer {type(tokenizer).__name__} does not tell where tokens lie in a text: "
                "the reader needs a fast one (tokenizer.json)"
            )
        probe = tokenizer("a", "b", add_special_tokens=True)
        backend.no_truncation()
        backend.no_padding()
        self._backend, self._shape = backend, shape
        segments = probe.sequence_ids(0)
        ids = np.array(probe["input_ids"], dtype=np.int32)
        kinds = np.array(probe.get("token_type_ids", np.zeros(len(ids))), dtype=np.int32)
        self._types = types and "token_type_ids" in probe
        first = [place for place, segment in enumerate(segments) if segment == 0]
        second = [place for place, segment in enumerate(segments) if segment == 1]
        self._before = slice(0, first[0])
        self._between = slice(first[-1] + 1, second[0])
        self._after = slice(second[-1] + 1, len(ids))
        self._ids, self._kinds = ids, kinds
        self._first_kind, self._second_kind = kinds[first[0]], kinds[second[0]]
        self._specials = len(ids) - len(first) - len(second)
        self.length = shape.max_length
        self.cut_questions = 0

    def encodings(self, texts: Sequence[str]) -> list[Any]:
        """The tokens of each text, without special ones; they know their characters."""
        return list(self._backend.encode_batch(list(texts), add_special_tokens=False))

    def questions(self, texts: Sequence[str]) -> list[np.ndarray]:
        """The tokens of each question, cut where too long; ``cut_questions`` counts those."""
        arrays = [np.array(one.ids, dtype=np.int32) for one in self.encodings(texts)]
        limit = self._shape.question_tokens
        self.cut_questions += sum(len(ids) > limit for ids in arrays)
        return [ids[:limit] for ids in arrays]

    @property
    def reads_titles(self) -> bool:
        """Whether titles are part of the sequence."""
        return self._shape.title == "segment"

    def windows(self, question: np.ndarray, title: np.ndarray, text: np.ndarray) -> list[Window]:
        """The sequences of a passage, in order; none where it has no text.

        Args:
            question: tokens, see ``questions``; (tokens,).
            title: tokens; cut to leave the text half of what the question leaves. Not looked at
                where titles are not read.
            text: tokens.
        """
        room = self.length - self._specials - len(question)
        title = title[: room // 2] if self.reads_titles else title[:0]
        room -= len(title)
        stride = min(self._shape.stride, room)
        windows = []
        for first in range(0, len(text), stride):
            windows.append(self._window(question, title, text[first : first + room], first))
            if first + room >= len(text):
                break
        return windows

    def _window(
        self, question: np.ndarray, title: np.ndarray, text: np.ndarray, first: int
    ) -> Window:
        ids, kinds = self._ids, self._kinds
        head = [ids[self._before], question, ids[self._between]]
        tail = [title, ids[self._after], text] if self.reads_titles else [text, ids[self._after]]
        at = sum(map(len, head)) + (len(title) + len(ids[self._after])) * self.reads_titles
        types = None
        if self._types:
            of_question = np.full(len(question), self._first_kind)
            head_types = [kinds[self._before], of_question, kinds[self._between]]
            of_rest = np.full(sum(map(len, tail)), self._second_kind)
            types = np.concatenate([*head_types, of_rest]).astype(np.int32)
        return Window(np.concatenate([*head, *tail]), types, at, first, len(text))


def characters(encoding: Any, start: int, end: int, full_words: bool) -> tuple[int, int]:
    """Where in its text a span lies: the first character, and the one behind the last.

    Args:
        encoding: of the text.
        start: the span's first token.
        end: its last.
        full_words: grow it to whole words, as DPR's reader does.
    """
    if full_words:
        word, last = encoding.token_to_word(start), encoding.token_to_word(end)
        while start > 0 and encoding.token_to_word(start - 1) == word is not None:
            start -= 1
        while end + 1 < len(encoding) and encoding.token_to_word(end + 1) == last is not None:
            end += 1
    return encoding.token_to_chars(start)[0], encoding.token_to_chars(end)[1]


def tokens_of(encoding: Any, first: int, last: int) -> tuple[int, int] | None:
    """The first and the last token of a span of characters; None where it has none.

    Args:
        encoding: of the text.
        first: the first character.
        last: the one behind the last.
    """
    offsets = np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2)
    inside = np.flatnonzero((offsets[:, 0] < last) & (offsets[:, 1] > first))
    return (int(inside[0]), int(inside[-1])) if len(inside) else None
