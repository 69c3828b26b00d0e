"""The documents of a BEIR folder, taken as passages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from qa_bench.corpus.files import FileCorpus, input_files
from qa_bench.formats.beir import CORPUS_FILE, inside, read_documents
from qa_bench.types import Article


class BeirCorpus(FileCorpus):
    """Documents with the ids that the judgements name, so the chunker is not asked."""

    unit: Literal["passage"] = "passage"

    def files(self) -> list[Path]:
        """``corpus.jsonl`` of each folder named, plain or compressed; files stand for themselves.

        Raises:
            UserError: one is missing.
        """
        named = [self._path] if isinstance(self._path, str) else list(self._path or ())
        return input_files(
            [str(inside(Path(p), CORPUS_FILE)) if Path(p).is_dir() else p for p in named]
        )

    def articles(self) -> Iterator[tuple[Article, Path, int]]:
        """(document, file, line number), streaming.

        Raises:
            DataError: bad JSON, a missing field, bad UTF-8, a truncated file.
        """
        for path in self.files():
            for pid, title, text, number in read_documents(path):
                yield Article(pid, title, text), path, number
