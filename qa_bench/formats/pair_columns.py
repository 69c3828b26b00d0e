"""Where a question and its passages are in a row of a training set, by its owner's names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from qa_bench.errors import DataError, UserError
from qa_bench.formats.answers import answer_list
from qa_bench.formats.columns import at

_QUESTION = ("question", "query", "anchor")
_POSITIVE = ("positive", "positives", "pos", "positive_passages")
_NEGATIVES = ("negative", "negatives", "neg", "negative_passages", "hard_negatives")
_NUMBERED = re.compile(r"negative_\d+")
_MARCO = ("passages.passage_text", "passages.is_selected")
"""MS MARCO's: texts, and for each whether somebody marked it."""


@dataclass(frozen=True)
class PairColumns:
    """The columns of a training set; ``passages.passage_text`` is a field inside of a column.

    A passage is a text, or has ``text`` and maybe ``title``; a column holds one or a list. What is
    not named is looked for by the names that sentence-transformers', Tevatron's and MS MARCO's
    sets have.

    Attributes:
        question: the question's.
        positive: those of passages that answer it.
        negatives: those of passages that do not; none where ``()``.
        selected: of MS MARCO's kind: which of the positive column's passages are positives; the
            others are negatives.
        answers: the answers'.
        scores: a list with a teacher's score for each passage, the positives' first.
    """

    question: str | None = None
    positive: tuple[str, ...] | None = None
    negatives: tuple[str, ...] | None = None
    selected: str | None = None
    answers: str | None = None
    scores: str | None = None

    @classmethod
    def of(cls, setting: Any) -> PairColumns:
        """From the setting ``train.data.columns``.

        Raises:
            UserError: it names something else.
        """
        names = [field.name for field in fields(cls)]
        if setting is not None and not isinstance(setting, Mapping):
            raise UserError(f"train.data.columns: names of columns, {{question: …}}: '{setting}'")
        columns: dict[str, Any] = {}
        for name, value in (setting or {}).items():
            several = name in ("positive", "negatives")
            words = [value] if isinstance(value, str) else value
            if name not in names:
                raise UserError(f"train.data.columns.{name}: there are only {', '.join(names)}")
            if value is None:
                continue
            if not isinstance(words, Sequence) or not all(isinstance(one, str) for one in words):
                raise UserError(f"train.data.columns.{name}: a column, got '{value}'")
            if not several and not isinstance(value, str):
                raise UserError(f"train.data.columns.{name}: one column, got '{value}'")
            columns[name] = tuple(words) if several else value
        return cls(**columns)

    def pair(self, row: Mapping[str, Any], path: Path, number: int) -> dict[str, Any]:
        """A row as a pair of ours: ``question``, ``positives``, ``negatives``, and maybe more.

        Raises:
            DataError: a column is missing, or holds something else.
        """
        question = at(row, self.question or _first(_QUESTION, row, path, number), path, number)
        if not isinstance(question, str):
            raise DataError(
                f"the question must be text, got {type(question).__name__}", path, number
            )
        positives, negatives = self._passages(row, path, number)
        pair: dict[str, Any] = {
            "question": question,
            "positives": positives,
            "negatives": negatives,
        }
        if self.answers is not None or row.get("answers") is not None:
            name = self.answers or "answers"
            try:
                pair["answers"] = answer_list(at(row, name, path, number))
            except ValueError as error:
                raise DataError(f"field '{name}' {error}", path, number) from None
        if self.scores is not None:
            pair["scores"] = list(at(row, self.scores, path, number))
        return pair

    def _passages(
        self, row: Mapping[str, Any], path: Path, number: int
    ) -> tuple[list[Any], list[Any]]:
        """Those that answer the question, and those that do not."""
        positive, selected = self.positive, self.selected
        if positive is None and selected is None and _is_marco(row):
            positive, selected = _MARCO[:1], _MARCO[1]
        own = positive or (_first(_POSITIVE, row, path, number),)
        positives = _all_of(own, row, path, number)
        if self.negatives is not None:
            names = list(self.negatives)
        else:
            names = [name for name in row if name in _NEGATIVES or _NUMBERED.fullmatch(name)]
            names.sort(key=lambda name: (len(name), name))  # negative_2 before negative_10
        negatives = _all_of(names, row, path, number)
        if selected is None:
            return positives, negatives
        marks = at(row, selected, path, number)
        if not isinstance(marks, Sequence) or len(marks) != len(positives):
            raise DataError(f"field '{selected}' must have a mark for each passage", path, number)
        pairs = list(zip(positives, marks, strict=True))
        rest = [one for one, mark in pairs if not mark]
        return [one for one, mark in pairs if mark], [*rest, *negatives]


def _is_marco(row: Mapping[str, Any]) -> bool:
    inside = row.get("passages")
    return isinstance(inside, Mapping) and {"passage_text", "is_selected"} <= set(inside)


def _first(names: Iterable[str], row: Mapping[str, Any], path: Path, number: int) -> str:
    """The one of the names that is a column.

    Raises:
        DataError: none is, or two are.
    """
    every = list(names)
    there = [name for name in every if name in row]
    if len(there) != 1:
        problem = f"both {' and '.join(there)}" if there else f"none of {', '.join(every)}"
        raise DataError(
            f"{problem} among the columns {', '.join(map(str, row))}: name them in "
            "train.data.columns={question: …, positive: …, negatives: …}",
            path,
            number,
        )
    return there[0]


def _all_of(names: Iterable[str], row: Mapping[str, Any], path: Path, number: int) -> list[Any]:
    """The passages of some columns, as they are written in a file of pairs.

    Raises:
        DataError: one is no passage.
    """
    passages: list[Any] = []
    for name in names:
        value = at(row, name, path, number)
        for one in value if isinstance(value, list | tuple) else [value]:
            if isinstance(one, str):
                passages.append(one)
            elif isinstance(one, Mapping) and isinstance(one.get("text"), str):
                title = one.get("title") or ""
                passages.append({"title": str(title), "text": one["text"]})
            elif one is not None:
                raise DataError(
                    f"field '{name}': a passage is a text, or has 'title' and 'text', got "
                    f"{type(one).__name__}",
                    path,
                    number,
                )
    return passages
