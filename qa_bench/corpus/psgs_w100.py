"""DPR's own passages: psgs_w100.tsv, plain or .gz."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from qa_bench.corpus.files import FileCorpus
from qa_bench.formats.psgs_tsv import read_sourced
from qa_bench.types import Article


class PsgsW100(FileCorpus):
    """Rows of DPR's passage file: passages already, so the chunker is not asked."""

    unit: Literal["passage"] = "passage"

    def articles(self) -> Iterator[tuple[Article, Path, int]]:
        """(row, file, line number), streaming.

        Raises:
            DataError: wrong columns, an empty text, bad UTF-8, a truncated file.
        """
        for path in self.files():
            for passage, source, number in read_sourced(path):
                yield Article(*passage, source), path, number
