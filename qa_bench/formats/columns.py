"""Where id, question and answers are in a row: by the names that a set's owner gave them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qa_bench.errors import DataError, UserError
from qa_bench.formats.answers import answer_list, kind_of

QUESTION = ("question",)
ANSWERS = ("answers", "answer", "golden_answers")
"""Where answers are looked for when no column is named: ours, NQ-open's, FlashRAG's."""
TITLES = "titles"
"""Where the titles of the articles that answer are, in files that tell them."""


@dataclass(frozen=True)
class Columns:
    """The columns of a question file; ``answers.text`` is a field inside of a column.

    Attributes:
        id: None where the column ``id`` is taken if there is one.
        question: None for ``question``.
        answers: None for the first of ``ANSWERS`` that is there.
        titles: None where the column ``titles`` is taken if there is one.
    """

    id: str | None = None
    question: str | None = None
    answers: str | None = None
    titles: str | None = None

    @classmethod
    def of(cls, setting: Mapping[str, str | None] | None) -> Columns:
        """From the setting ``dataset.columns``.

        Raises:
            UserError: it names something else.
        """
        setting = setting or {}
        names = "id, question, answers and titles"
        for name, column in setting.items():
            if name not in cls.__dataclass_fields__:
                raise UserError(f"dataset.columns.{name} is unknown: use {names}")
            if column is not None and not isinstance(column, str):
                raise UserError(f"dataset.columns.{name}: the name of a column, got '{column}'")
        return cls(**setting)

    @property
    def named(self) -> bool:
        """Whether any column is named."""
        return any((self.id, self.question, self.answers, self.titles))

    def qid(self, row: Mapping[str, Any], path: Path, number: int | None) -> str | None:
        """The row's id; None where it has none.

        Raises:
            DataError: no such column, or it holds neither a text nor a whole number.
        """
        if self.id is None and "id" not in row:
            return None
        name = self.id or "id"
        return _text(at(row, name, path, number), name, path, number)

    def text(self, row: Mapping[str, Any], path: Path, number: int | None) -> str:
        """The row's question.

        Raises:
            DataError: no such column, or it holds no text.
        """
        name = self.question or QUESTION[0]
        value = row.get(name) if self.question is None else at(row, name, path, number)
        return _text(value, name, path, number)

    def golds(self, row: Mapping[str, Any], path: Path, number: int | None) -> list[str]:
        """The row's answers.

        Raises:
            DataError: no such column, or it holds neither texts nor numbers.
        """
        name = self.answers or first_of(ANSWERS, row)
        value = row.get(name) if self.answers is None else at(row, name, path, number)
        try:
            return answer_list(value)
        except ValueError as error:
            hint = (
                "; dataset.columns.answers names another, as answers.text"
                if isinstance(value, dict) or value is None
                else ""
            )
            raise DataError(f"field '{name}' {error}{hint}", path, number) from None

    def gold_titles(
        self, row: Mapping[str, Any], path: Path, number: int | None
    ) -> tuple[str, ...]:
        """The titles of the articles that answer the row's question; none where it has none.

        Raises:
            DataError: no such column, or it holds something else than texts.
        """
        if self.titles is None and TITLES not in row:
            return ()
        name = self.titles or TITLES
        value = row[name] if self.titles is None else at(row, name, path, number)
        if value is None or value == "":
            return ()
        try:
            titles = answer_list(value)
        except ValueError as error:
            raise DataError(
                f"field '{name}' {error}; dataset.columns.titles names the column of titles",
                path,
                number,
            ) from None
        return tuple(title for title in titles if title.strip())


def first_of(names: Iterable[str], row: Mapping[str, Any]) -> str:
    """The first of the names that is a column of the row; else the first."""
    listed = list(names)
    return next((name for name in listed if name in row), listed[0])


def at(row: Mapping[str, Any], place: str, path: Path, number: int | None) -> Any:
    """A column, or a field inside of one.

    Raises:
        DataError: there is no such column; the message names those that are there.
    """
    if place in row:
        return row[place]
    value: Any = row
    for name in place.split("."):
        if not isinstance(value, Mapping) or name not in value:
            names = ", ".join(map(str, row))
            raise DataError(f"no column '{place}': there are {names}", path, number)
        value = value[name]
    return value


def _text(value: Any, name: str, path: Path, number: int | None) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise DataError(f"field '{name}' must be text, found {kind_of(value)}", path, number)
