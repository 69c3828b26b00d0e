"""Passages end where the meaning turns: neighbouring sentences whose embeddings lie far apart."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from qa_bench.chunker.article_by_article import ArticleByArticle
from qa_bench.errors import UserError
from qa_bench.formats.sentence_split import one_line, sentence_spans
from qa_bench.settings import number, whole_number
from qa_bench.types import Article, Passage, Runtime

_SENTENCES_AT_ONCE = 2048
"""Those of several articles are encoded together: half as long again for each article alone."""


class Semantic(ArticleByArticle):
    """Breaks between sentences farther apart than most neighbours in the article are.

    The distance of two sentences is 1 - cos of their embeddings; an article is cut where it is
    above the given percentile of the article's distances (Kamradt 2023, "5 levels of text
    splitting"; LangChain's ``SemanticChunker``).
    """

    def __init__(
        self,
        model: str,
        percentile: float = 95,
        buffer: int = 0,
        revision: str | None = None,
        skip_titles: Sequence[str] = (),
    ) -> None:
        """Check the settings; the model is not loaded yet.

        Args:
            model: sentence encoder: hub name, folder, or ``wheel:<package>/<folder>``.
            percentile: share of the neighbours that stay together, from 0 to 100.
            buffer: sentences on either side that are embedded with each one.
            revision: commit, tag or branch on the hub; None for the newest.
            skip_titles: regular expressions; an article whose title one of them finds is left out.

        Raises:
            UserError: a setting is out of range or a pattern does not compile.
        """
        from qa_bench.models.source import Source

        super().__init__(skip_titles)
        self._percentile = float(number("chunker.percentile", percentile, 0, 100))
        self._buffer = whole_number("chunker.buffer", buffer, 0)
        self._model = Source(model, revision)

    def sources(self) -> dict[str, str]:
        """The model's hash or commit."""
        return {"model": self._model.identity()}

    def chunk(self, articles: Iterable[Article]) -> Iterator[list[Passage]]:
        """The passages of each article, an empty list for an article that yields none."""
        return self._chunk(articles, Runtime(progress=False), 1)

    def chunk_on(self, articles: Iterable[Article], runtime: Runtime) -> Iterator[list[Passage]]:
        """The same, on the runtime's devices and threads, many sentences at once."""
        return self._chunk(articles, runtime, _SENTENCES_AT_ONCE)

    def _chunk(
        self, articles: Iterable[Article], runtime: Runtime, at_once: int
    ) -> Iterator[list[Passage]]:
        from qa_bench.models.encoder import loaded_encoder

        read: deque[list[tuple[str, list[str]]]] = deque()

        def windows() -> Iterator[list[str]]:
            for several in self._several(articles, at_once):
                read.append(several)
                yield [one for _, sentences in several for one in self._embedded(sentences)]

        for vectors in loaded_encoder(self._model, runtime).encode(windows()):
            first = 0
            for title, sentences in read.popleft():
                own = vectors[first : first + len(sentences)]
                if not np.isfinite(own).all():
                    raise UserError(
                        f"model {self._model.model}: the vector of a sentence of the article "
                        f"'{title[:60]}' is not finite: is the model whole?"
                    )
                yield [Passage("", title, text) for text in self._parted(sentences, own)]
                first += len(sentences)

    def _several(
        self, articles: Iterable[Article], at_once: int
    ) -> Iterator[list[tuple[str, list[str]]]]:
        """Titles and sentences of articles, together until there are so many sentences."""
        several: list[tuple[str, list[str]]] = []
        count = 0
        for article in articles:
            spans = [] if self.skipped(article) else sentence_spans(article.text)
            sentences = [one_line(article.text[start:end]) for start, end in spans]
            several.append((article.title, sentences))
            count += max(1, len(sentences))
            if count >= at_once:
                yield several
                several, count = [], 0
        if several:
            yield several

    def _embedded(self, sentences: list[str]) -> list[str]:
        """Each sentence, with those around it."""
        if not self._buffer:
            return sentences
        return [
            " ".join(sentences[max(0, at - self._buffer) : at + self._buffer + 1])
            for at in range(len(sentences))
        ]

    def _parted(self, sentences: list[str], vectors: np.ndarray) -> Iterator[str]:
        """The sentences between one break and the next, joined."""
        first = 0
        for end in [*breaks(vectors, self._percentile), len(sentences)]:
            if first < end:
                yield " ".join(sentences[first:end])
            first = end


def breaks(vectors: np.ndarray, percentile: float) -> list[int]:
    """The sentences before which an article is cut.

    Args:
        vectors: one a sentence; float of shape (sentences, dimension).
        percentile: of the distances of neighbours; a farther pair is parted.
    """
    if len(vectors) < 2:
        return []
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    units = vectors / np.where(lengths > 0, lengths, 1)
    distances = 1 - (units[:-1] * units[1:]).sum(axis=1)
    above = distances > np.percentile(distances, percentile)
    return [int(place) + 1 for place in np.flatnonzero(above)]
