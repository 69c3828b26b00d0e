"""Articles or passages on the hub, streamed at a commit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from qa_bench.errors import UserError
from qa_bench.fetch.hub import HubSplit
from qa_bench.fetch.sources import Requirement
from qa_bench.formats.lines import text_field
from qa_bench.parts import Part
from qa_bench.settings import one_of
from qa_bench.types import Article

_FIELDS = ("id", "title", "text")


class HubCorpus(Part):
    """Reads one split of a set through ``datasets``: from the hub's cache, else streamed.

    What identifies it is the note of its files, which names the commit: a chunked corpus is found
    again without the hub.
    """

    labels = frozenset({"name", "path", "config", "split", "revision", "folder"})

    def __init__(
        self,
        name: str,
        path: str | None = None,
        config: str | None = None,
        split: str = "train",
        revision: str | None = None,
        unit: Literal["article", "passage"] = "article",
        columns: Mapping[str, str] | None = None,
        folder: str = ".",
    ) -> None:
        """Keep the settings; nothing is read yet.

        Args:
            name: what the corpus is called.
            path: the set's name on the hub.
            config: its configuration, where it has several.
            split: which split to read.
            revision: commit, tag or branch; None for the newest.
            unit: "article", or "passage" for rows that no chunker shall cut.
            columns: the names of the columns ``id``, ``title`` and ``text``.
            folder: where it is noted what files a split is made of.

        Raises:
            UserError: an unknown unit or column.
        """
        one_of("corpus.unit", unit, ("article", "passage"))
        self._columns = {**{field: field for field in _FIELDS}, **(columns or {})}
        if unknown := set(self._columns) - set(_FIELDS):
            raise UserError(f"corpus.columns.{unknown.pop()} is unknown: use id, title and text")
        self.name, self.unit, self._path = name, unit, path
        self._config, self._split, self._revision = config, split, revision
        self._notes = Path(folder)

    def _source(self) -> HubSplit:
        if self._path is None:
            raise UserError(f"corpus {self.name} needs corpus.path=<name of a set on the hub>")
        return HubSplit(self._path, self._config, self._split, self._revision, self._notes)

    def requirements(self) -> list[Requirement]:
        """The split's files."""
        return [self._source().requirement(f"corpus {self._path}")]

    def files(self) -> list[Path]:
        """The note of the split's files and commit.

        Raises:
            UserError: there is no such set or split, or the hub may not be asked.
        """
        return [self._source().note()]

    def articles(self) -> Iterator[tuple[Article, Path, int]]:
        """(article, file on the hub, row), streaming.

        Raises:
            DataError: a column is missing or holds no text.
            UserError: the hub does not give a file.
        """
        columns = [self._columns[field] for field in _FIELDS]
        for row, path, number in self._source().rows():
            yield Article(*(text_field(row, c, path, number) for c in columns)), path, number
