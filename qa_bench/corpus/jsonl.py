"""Articles as JSON Lines: {"id", "title", "text"}, plain or compressed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from qa_bench.corpus.files import FileCorpus, Paths
from qa_bench.formats.folds import Fold
from qa_bench.formats.lines import read_json_lines, text_field
from qa_bench.types import Article


class JsonlArticles(FileCorpus):
    """Articles from one or more JSON Lines files, in the order given."""

    unit: Literal["article"] = "article"
    later: ClassVar[Mapping[str, Any]] = {"fold": None}

    def __init__(
        self,
        name: str,
        path: Paths = None,
        fold: Sequence[float] | None = None,
        **official: str | None,
    ) -> None:
        """Keep the settings; nothing is read yet.

        Args:
            name: what the corpus is called.
            path: a file, a glob, or a list of them.
            fold: only the articles that are part of this ``Fold``.
            official: see ``FileCorpus``.

        Raises:
            UserError: no fold.
        """
        super().__init__(name, path, **official)
        self._fold = Fold.of("corpus.fold", fold)

    def articles(self) -> Iterator[tuple[Article, Path, int]]:
        """(article, file, line number), streaming.

        Raises:
            DataError: bad JSON, a missing field, bad UTF-8, a truncated file.
        """
        for path in self.files():
            for number, row in read_json_lines(path):
                fields = (text_field(row, field, path, number) for field in ("id", "title", "text"))
                article = Article(*fields)
                if self._fold is None or self._fold.holds(article.title):
                    yield article, path, number
