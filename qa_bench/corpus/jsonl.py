"""Articles as JSON Lines: {"id", "title", "text"}, plain or compressed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from qa_bench.corpus.paths import Paths, input_files
from qa_bench.formats.lines import read_json_lines, text_field
from qa_bench.types import Article


class JsonlArticles:
    """Articles from one or more JSON Lines files, in the order given."""

    unit: Literal["article"] = "article"
    labels = ("name", "path")

    def __init__(self, name: str, path: Paths, about: Mapping[str, Any] | None = None) -> None:
        """Keep the settings; nothing is read yet."""
        self.name, self._path = name, path

    def files(self) -> list[Path]:
        """The files that will be read.

        Raises:
            UserError: one is missing.
        """
        return input_files(self._path)

    def articles(self) -> Iterator[tuple[Article, Path, int]]:
        """(article, file, line number), streaming.

        Raises:
            DataError: bad JSON, a missing field, bad UTF-8, a truncated file.
        """
        for path in self.files():
            for number, row in read_json_lines(path):
                yield (
                    Article(*(text_field(row, field, path, number) for field in Article._fields)),
                    path,
                    number,
                )
