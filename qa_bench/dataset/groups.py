"""What the questions of a set were drawn with: SQuAD's come from 48 articles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from qa_bench.errors import DataError, UserError
from qa_bench.formats.squad_articles import articles_of_squad
from qa_bench.formats.table_rows import cell, read_rows
from qa_bench.types import Question

ID, GROUP = "id", "group"
"""The columns of a file of groups."""


class Groups:
    """The setting ``dataset.groups``: a file, a column, or both."""

    def __init__(self, setting: Mapping[str, str | None] | None) -> None:
        """Check it.

        Args:
            setting: ``file``: .jsonl, .csv, .tsv or .parquet with an ``id`` and a group a question,
                or SQuAD's .json, whose articles are the groups;
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

    def of(
        self,
        questions: Sequence[Question],
        source: Path | str,
        split: str,
        official: str | None = None,
    ) -> tuple[str, ...]:
        """Each question's group; empty where nothing tells them.

        Args:
            questions: in order.
            source: what they were read from.
            split: their split.
            official: the name of the split's own file of groups, which counts where it lies beside
                the questions.

        Raises:
            UserError: the file is missing.
            DataError: a question has no group, two, or there is but one group.
        """
        path = self.path(source, split, official)
        if path is None or len(questions) < 2:
            return ()
        if path.suffix == ".json":
            groups = articles_of_squad(path, questions)
        else:
            names = self._names(path)
            try:
                groups = tuple(names[question.qid] for question in questions)
            except KeyError as error:
                raise DataError(f"question {error} has no group here", path) from None
        if len(set(groups)) == 1:
            raise DataError(f"one group alone, '{groups[0]}': two or more are needed", path)
        return groups

    def _names(self, path: Path) -> dict[str, str]:
        column = self._column or GROUP
        names: dict[str, str] = {}
        for row, line in read_rows(path, [ID, column]):
            qid, name = cell(row, ID, path, line), cell(row, column, path, line)
            if names.setdefault(qid, name) != name:
                raise DataError(
                    f"question '{qid}' is in two groups: '{names[qid]}', '{name}'", path, line
                )
        return names

    def path(self, source: Path | str, split: str, official: str | None) -> Path | None:
        """The file that tells the groups; None where there is none.

        Args:
            source: what the questions are read from.
            split: their split.
            official: see ``of``.

        Raises:
            UserError: it is not there, or the set has no file of its own.
        """
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
        names = [official, f"{split}.groups.jsonl"]
        beside = [source.parent / name for name in names if name]
        return next((path for path in beside if path.is_file()), None)
