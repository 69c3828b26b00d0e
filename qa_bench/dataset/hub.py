"""A question set on the hub: any split, with its columns named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from qa_bench.dataset.question_file import QuestionFile
from qa_bench.errors import DataError, UserError
from qa_bench.fetch.hub import HubSplit
from qa_bench.fetch.sources import Wanted
from qa_bench.types import Match

_ANSWERS = ("answers", "answer")
"""Where answers are looked for when no column is named."""


class HubQuestions(QuestionFile):
    """Reads one split of a set through ``datasets``; its files stay in the hub's cache."""

    def __init__(
        self,
        name: str,
        match: Match,
        split: str,
        path: str | None = None,
        config: str | None = None,
        revision: str | None = None,
        columns: Mapping[str, str | None] | None = None,
        folder: str = ".",
        dpr_apostrophes: bool = False,
        limit: int | None = None,
    ) -> None:
        """Keep the settings; nothing is read yet.

        Args:
            name: what tables call the set.
            match: how its answers are compared, "string" or "regex".
            split: which split to read.
            path: the set's name on the hub.
            config: its configuration, where it has several.
            revision: commit, tag or branch; None for the newest.
            columns: where ``id``, ``question`` and ``answers`` are; ``answers.text`` is a field
                inside of a column. None for ``id``: questions are numbered; for ``answers``:
                the column ``answers`` or ``answer``.
            folder: where it is noted what files a split is made of.
            dpr_apostrophes: replace curly apostrophes in questions, as DPR does.
            limit: at most so many questions, spread evenly over the set.

        Raises:
            UserError: an unknown match or column, or a limit below 1.
        """
        super().__init__(
            name, match, split, path=path, dpr_apostrophes=dpr_apostrophes, limit=limit
        )
        self._config, self._revision, self._notes = config, revision, Path(folder)
        self._columns = {"id": None, "question": "question", "answers": None, **(columns or {})}
        if unknown := set(self._columns) - {"id", "question", "answers"}:
            raise UserError(
                f"dataset.columns.{unknown.pop()} is unknown: use id, question and answers"
            )

    def _source(self) -> HubSplit:
        if self._path is None:
            raise UserError(f"dataset {self.name} needs dataset.path=<name of a set on the hub>")
        return HubSplit(self._path, self._config, self._split, self._revision, self._notes)

    def file(self) -> Path:
        """The note of the split's files.

        Raises:
            UserError: there is no such set or split, or the hub may not be asked.
        """
        return self._source().note()

    def wanted(self) -> list[Wanted]:
        """The split's files."""
        return [self._source().wanted(f"{self.name} {self._path} {self._split}")]

    def _where(self) -> str:
        return str(self._source())

    def _rows(self) -> Iterator[tuple[str | None, str, list[str], Path, int]]:
        source = self._source()
        source.fetch()
        for row, path, number in source.rows():
            text = _at(row, self._columns["question"], path, number)
            if not isinstance(text, str):
                raise DataError("the question is not text", path, number)
            place = self._columns["answers"] or next((n for n in _ANSWERS if n in row), _ANSWERS[0])
            answers = _at(row, place, path, number)
            answers = [answers] if isinstance(answers, str) else answers
            if not isinstance(answers, list) or not all(isinstance(a, str) for a in answers):
                raise DataError(
                    f"column '{place}' holds no list of strings; dataset.columns.answers names "
                    "another, as answers.text",
                    path,
                    number,
                )
            qid = self._columns["id"]
            yield (
                None if qid is None else str(_at(row, qid, path, number)),
                text,
                list(answers),
                path,
                number,
            )


def _at(row: Any, place: str | None, path: Path, number: int) -> Any:
    """A column, or a field inside of one."""
    value = row
    for name in str(place).split("."):
        if not isinstance(value, dict) or name not in value:
            known = ", ".join(map(str, row))
            raise DataError(f"no column '{place}': there are {known}", path, number)
        value = value[name]
    return value
