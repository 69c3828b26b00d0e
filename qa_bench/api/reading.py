"""Rerankers, readers and chunkers for texts that are at hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from qa_bench.api.texts import Text, as_article, as_ranked
from qa_bench.errors import UserError
from qa_bench.types import Answers, Article, Passage, Runtime


class LoadedReranker:
    """A reranker of ``conf/reranker``."""

    def __init__(self, part: Any, runtime: Runtime) -> None:
        """Keep the part."""
        self.part, self._runtime = part, runtime

    def rerank(self, question: str, texts: Sequence[Text]) -> np.ndarray:
        """The score of every text, float32 (texts,); -inf for one that it would drop.

        All of them are scored, whatever ``reranker.depth`` is.

        Raises:
            UserError: the model cannot be had.
        """
        scores: np.ndarray = self.part.rerank(as_ranked(question, texts), self._runtime)
        return scores.astype(np.float32)


class LoadedReader:
    """A reader of ``conf/reader``."""

    def __init__(self, part: Any, runtime: Runtime) -> None:
        """Keep the part."""
        self.part, self._runtime = part, runtime

    def read(self, question: str, texts: Sequence[Text]) -> str:
        """The answer; empty where the reader finds none.

        The first ``reader.depth`` of the texts are read, in their order.

        Raises:
            UserError: the question could not be read, or the model cannot be had.
        """
        ranked = as_ranked(question, texts, self.part.depth)
        answers = Answers.of(self.part.read(ranked, self._runtime))
        if answers.failed:
            raise UserError(f"reader: {next(iter(answers.failed.values()))}")
        return answers[0]


class LoadedChunker:
    """A chunker of ``conf/chunker``."""

    def __init__(self, part: Any, runtime: Runtime) -> None:
        """Keep the part."""
        self.part, self._runtime = part, runtime

    def chunk(self, articles: Iterable[str | tuple[str, str] | Article]) -> list[Passage]:
        """The passages of articles, numbered from "1" in order.

        Args:
            articles: texts; titles and texts; or ``Article``s.
        """
        several = (as_article(place, one) for place, one in enumerate(articles))
        groups = self.part.chunk_on(several, self._runtime)
        if groups is None:
            groups = self.part.chunk(several)
        flat = [passage for passages in groups for passage in passages]
        return [passage._replace(pid=str(n)) for n, passage in enumerate(flat, 1)]
