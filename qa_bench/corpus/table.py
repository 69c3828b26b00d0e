"""Articles or passages in a table of one's own: CSV, TSV, Parquet or JSON Lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from qa_bench.corpus.files import FileCorpus, Paths
from qa_bench.errors import UserError
from qa_bench.formats.table_rows import cell, read_rows
from qa_bench.settings import one_of
from qa_bench.types import Article

_COLUMNS: Mapping[str, str | None] = {"id": "id", "title": "title", "text": "text", "source": None}


class TableCorpus(FileCorpus):
    """The rows of one or more tables, in the order given."""

    def __init__(
        self,
        name: str,
        path: Paths,
        unit: Literal["article", "passage"] = "article",
        columns: Mapping[str, str | None] | None = None,
        **official: Any,
    ) -> None:
        """Keep the settings; nothing is read yet.

        Args:
            name: what the corpus is called.
            path: a file, a glob, or a list of them, each by its suffix.
            unit: "article", or "passage" for rows that no chunker shall cut.
            columns: the table's names of ``id`` (None: rows are numbered from 1), ``title`` (None:
                there are none), ``text`` and, of passages, ``source``, the article's id.
            official: see ``FileCorpus``.

        Raises:
            UserError: an unknown unit or column.
        """
        super().__init__(name, path, **official)
        one_of("corpus.unit", unit, ("article", "passage"))
        self.unit = unit
        self._columns = {**_COLUMNS, **(columns or {})}
        for field, column in self._columns.items():
            if field not in _COLUMNS:
                raise UserError(f"corpus.columns.{field} is unknown: use {', '.join(_COLUMNS)}")
            if column is not None and not isinstance(column, str):
                raise UserError(f"corpus.columns.{field}: a column's name, got '{column}'")
        if self._columns["text"] is None:
            raise UserError("corpus.columns.text: a column's name, got 'null'")
        if self._columns["source"] is not None and unit == "article":
            raise UserError("corpus.columns.source is for passages: corpus.unit=passage")

    def articles(self) -> Iterator[tuple[Article, Path, int]]:
        """(row, file, line; of Parquet the number of the row), streaming.

        Raises:
            DataError: a column is missing or a cell holds no text, or the file is damaged.
        """
        names = {field: column for field, column in self._columns.items() if column is not None}
        number = 0
        for path in self.files():
            for row, line in read_rows(path, list(names.values())):
                number += 1
                fields = {
                    field: cell(row, column, path, line, optional=field in ("title", "source"))
                    for field, column in names.items()
                }
                own = fields.setdefault("id", str(number))
                if "source" in fields:
                    fields["source"] = fields["source"] or own
                yield Article(**{"title": "", **fields}), path, line
