"""BM25 with pseudo-relevance feedback: the first hits' terms make a second, weighted query.

Everything is Anserini's, as pyserini's ``LuceneSearcher`` uses it after ``set_rm3`` or
``set_rocchio``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow.compute as pc

from qa_bench.errors import UserError
from qa_bench.parts import Part
from qa_bench.retriever.bm25.java import java_errors
from qa_bench.retriever.bm25.pairs import Feedback, score_pairs
from qa_bench.retriever.bm25.part import Bm25
from qa_bench.settings import number, whole_number
from qa_bench.store.passages import Passages
from qa_bench.types import QuestionSet, Run, Runtime

_MOST_TERMS = 1000
"""Beyond all use: a query of so many terms finds nearly everything."""
_RM3_DOCS = 50
"""Anserini's RM3 has no more first hits to look at, whatever it is told."""


class SearchFeedback(Feedback, Protocol):
    """Feedback that can be turned on in Anserini's searcher too."""

    def switch_on(self, searcher: Any) -> None:
        """Let every search of Anserini's ``SimpleSearcher`` feed back."""
        ...


class Rm3(Part):
    """RM3: the question's words mixed with a relevance model of the first hits.

    A term's weight in the model is the sum over the hits of its share of the hit's ``terms`` most
    frequent terms, times the hit's score; the best ``terms`` are kept, summing to 1. Terms in more
    than a tenth of all passages, of one letter or of other letters than a-z and 0-9 do not count.

    Source: Abdul-Jaleel et al. 2004, UMass at TREC 2004 (Novelty and HARD); Anserini's
    ``Rm3Reranker``.
    """

    def __init__(self, terms: int = 10, docs: int = 10, original_query_weight: float = 0.5) -> None:
        """Check the settings.

        Args:
            terms: how many terms are fed back, from 1 to 1,000.
            docs: how many first hits they are taken from, from 1 to 50.
            original_query_weight: of the question's words, from 0 to 1; the rest is the model's.

        Raises:
            UserError: a setting is out of range.
        """
        self._terms = whole_number("retriever.feedback.terms", terms, 1, _MOST_TERMS)
        self.docs = whole_number("retriever.feedback.docs", docs, 1, _RM3_DOCS)
        place = "retriever.feedback.original_query_weight"
        self._original = float(number(place, original_query_weight, 0, 1))

    def switch_on(self, searcher: Any) -> None:
        """Let every search of Anserini's ``SimpleSearcher`` feed back."""
        searcher.set_rm3(None, self._terms, self.docs, self._original, False, True)

    def reranker(self, autoclass: Any, analyzer: Any) -> Any:
        """Anserini's ``Rm3Reranker``."""
        return autoclass("io.anserini.rerank.lib.Rm3Reranker")(
            analyzer, None, "contents", self._terms, self.docs, self._original, False, True
        )


class Rocchio(Part):
    """Rocchio: the question's vector, moved towards the mean of the first hits' vectors.

    Vectors are of term counts, of length 1: alpha times the question's and beta times the mean,
    of which the ``terms`` largest are kept, of length 1 again. Terms in more than a tenth of all
    passages, of one letter or of more than twenty do not count.

    Nothing is moved away from: what Anserini would take as not relevant are the last hits, so that
    the depth of a run would change its first hits.

    Source: Rocchio 1971, Relevance feedback in information retrieval; Anserini's
    ``RocchioReranker``.
    """

    def __init__(
        self, terms: int = 10, docs: int = 10, alpha: float = 1.0, beta: float = 0.75
    ) -> None:
        """Check the settings.

        Args:
            terms: how many terms are fed back, from 1 to 1,000.
            docs: how many first hits they are taken from, 1 or more.
            alpha: the weight of the question, >= 0.
            beta: the weight of the hits, >= 0; one of both is more.

        Raises:
            UserError: a setting is out of range.
        """
        self._terms = whole_number("retriever.feedback.terms", terms, 1, _MOST_TERMS)
        self.docs = whole_number("retriever.feedback.docs", docs)
        number("retriever.feedback.alpha", alpha, 0)
        number("retriever.feedback.beta", beta, 0)
        if alpha == beta == 0:
            raise UserError("retriever.feedback: alpha and beta are both 0: nothing is searched")
        self._weights = float(alpha), float(beta)

    def _settings(self) -> tuple[Any, ...]:
        """As Anserini takes them, feedback from hits that are not relevant turned off."""
        return (self._terms, self.docs, 10, 10, *self._weights, 0.0, False, False)

    def switch_on(self, searcher: Any) -> None:
        """Let every search of Anserini's ``SimpleSearcher`` feed back."""
        searcher.set_rocchio(None, *self._settings())

    def reranker(self, autoclass: Any, analyzer: Any) -> Any:
        """Anserini's ``RocchioReranker``."""
        return autoclass("io.anserini.rerank.lib.RocchioReranker")(
            analyzer, None, "contents", *self._settings()
        )


class Bm25Feedback(Bm25):
    """BM25 that searches twice: for the question, then for what feedback makes of its first hits.

    The index holds each passage's terms and their counts. Everything of the feedback belongs to the
    search: all kinds and settings use one index.
    """

    search_only = Bm25.search_only | {"feedback"}
    term_vectors = True
    # Measured on 24,794 passages of SQuAD's articles with two cores: RM3's is the slower search.
    bytes_per_passage = 470
    search_effort = 3.0

    def __init__(self, feedback: SearchFeedback, **settings: Any) -> None:
        """Check the settings.

        Args:
            feedback: what makes the second query.
            settings: those of ``Bm25``.

        Raises:
            UserError: a setting is out of range.
        """
        super().__init__(**settings)
        self._feedback = feedback

    def search(
        self, folder: Path, passages: Passages, questions: QuestionSet, depth: int, runtime: Runtime
    ) -> Run:
        """Search all questions, ``runtime.workers`` at a time.

        As deep as feedback looks at least: Anserini takes the first hits from those of the run.
        """
        deep = max(depth, self._feedback.docs)
        run = super().search(folder, passages, questions, deep, runtime)
        return Run(run.table.filter(pc.field("rank") <= depth))

    def score(
        self,
        folder: Path,
        passages: Passages,
        questions: QuestionSet,
        question_rows: np.ndarray,
        rows: np.ndarray,
        runtime: Runtime,
    ) -> np.ndarray:
        """The scores of (question, passage) pairs by the second query; see ``Bm25.score``."""
        texts = [question.text for question in questions]
        with self._opened(folder, runtime) as (autoclass, searcher):
            return score_pairs(
                autoclass, searcher, passages, texts, question_rows, rows, runtime, self._feedback
            )

    @contextmanager
    def _opened(self, folder: Path, runtime: Runtime) -> Iterator[tuple[Any, Any]]:
        with super()._opened(folder, runtime) as (autoclass, searcher):
            with java_errors(runtime.java_heap):
                self._feedback.switch_on(searcher)
            yield autoclass, searcher
