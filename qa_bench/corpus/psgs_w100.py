"""DPR's own passages: psgs_w100.tsv, plain or .gz."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from qa_bench.corpus.paths import Paths, input_files
from qa_bench.formats.psgs_tsv import read_passages
from qa_bench.types import Article


class PsgsW100:
    """Rows of DPR's passage file: passages already, so the chunker is not asked."""

    unit: Literal["passage"] = "passage"
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
        """(row, file, line number), streaming.

        Raises:
            DataError: wrong columns, bad UTF-8, a truncated file.
        """
        for path in self.files():
            for passage, number in read_passages(path):
                yield Article(*passage), path, number
