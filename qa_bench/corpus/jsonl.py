"""Articles as JSON Lines: {"id", "title", "text"}, plain or compressed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from qa_bench.corpus.files import FileCorpus
from qa_bench.formats.lines import read_json_lines, text_field
from qa_bench.types import Article


class JsonlArticles(FileCorpus):
    """Articles from one or more JSON Lines files, in the order given."""

    unit: Literal["article"] = "article"

    def articles(self) -> Iterator[tuple[Article, Path, int]]:
        """(article, file, line number), streaming.

        Raises:
            DataError: bad JSON, a missing field, bad UTF-8, a truncated file.
        """
        for path in self.files():
            for number, row in read_json_lines(path):
                fields = (text_field(row, field, path, number) for field in ("id", "title", "text"))
                yield Article(*fields), path, number
