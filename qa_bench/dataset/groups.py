"""What the questions of a set were drawn with: SQuAD's come from 48 articles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from qa_bench.errors import DataError, UserError
from qa_bench.formats.table_rows import cell, read_rows
from qa_bench.types import Question

ID, GROUP = "id", "group"
"""The columns of a file of groups."""


class Groups:
    """The setting ``dataset.groups``: a file, a column, or both."""

    def __init__(self, setting: Mapping[str, str | None] | None) -> None:
        """Check it.

        Args:
            setting: ``file``: .jsonl, .csv, .tsv or .parquet with an ``id`` and a group a question;
                None for ``<split>.groups.jsonl`` beside the questions, or with a column for the
                question file itself. ``column``: the group's; None for ``group``.

        Raises:
            UserError: it names something else.
        """
        setting = setting or {}
        for name, value in setting.items():
            if name not in ("file", "column"):
                raise UserError(f"dataset.groups.{name} is unknown: use file and column")
            if value is not None and not isinstance(value, str):
                raise UserError(f"dataset.groups.{name}: a text, got '{value}'")
        self._file, self._column = setting.get("file"), setting.get("column")

    def of(self, questions: Iterable[Question], source: Path | str, split: str) -> tuple[str, ...]:
        """Each question's group; empty where nothing tells them.

        Args:
            questions: in order.
            source: what they were read from.
            split: their split.

        Raises:
            UserError: the file is missing.
            DataError: a question has no group, two, or there is but one group.
        """
        path = self._path(source, split)
        if path is None:
            return ()
        column = self._column or GROUP
        names: dict[str, str] = {}
        for row, line in read_rows(path, [ID, column]):
            qid, name = cell(row, ID, path, line), cell(row, column, path, line)
            if names.setdefault(qid, name) != name:
                raise DataError(
                    f"question '{qid}' is in two groups: '{names[qid]}', '{name}'", path, line
                )
        try:
            groups = tuple(names[question.qid] for question in questions)
        except KeyError as error:
            raise DataError(f"question {error} has no group here", path) from None
        if len(set(groups)) == 1 < len(groups):
            raise DataError(f"one group alone, '{groups[0]}': two or more are needed", path)
        return groups

    def _path(self, source: Path | str, split: str) -> Path | None:
        if self._file is not None:
            path = Path(self._file)
            if not path.is_file():
                raise UserError(f"dataset.groups.file: no such file: {path}")
            return path
        if not isinstance(source, Path):
            if self._column is not None:
                raise UserError("dataset.groups.column: such a set needs dataset.groups.file=")
            return None
        if self._column is not None:
            return source
        beside = source.parent / f"{split}.groups.jsonl"
        return beside if beside.is_file() else None
