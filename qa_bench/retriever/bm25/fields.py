"""BM25 over title and text as two fields, by Lucene, put together in four ways."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from qa_bench.errors import UserError
from qa_bench.retriever.bm25.matches import FIELDS, KINDS, Match, Queries
from qa_bench.retriever.bm25.pairs import score_pairs
from qa_bench.retriever.bm25.part import Bm25
from qa_bench.runtime.progress import progress
from qa_bench.runtime.warm import opened
from qa_bench.settings import number, one_of, whole_number
from qa_bench.store.passages import Passages
from qa_bench.types import QuestionSet, Run, Runtime

_AHEAD = 8
"""Queries a thread that are made before they are asked."""


class Bm25Fields(Bm25):
    """Lucene's BM25 over an index of two fields, with the places of their terms.

    ``match`` says how a question is matched against them, in Elasticsearch's words:

    - ``most``: the fields' scores are added (``most_fields``);
    - ``best``: the best field's score, and ``tie`` times the others' (``best_fields``);
    - ``cross``: a term's counts and the lengths of the fields are added, then scored once a term,
      as in BM25F (``combined_fields``; the ``cross_fields`` of Elasticsearch's ``multi_match``
      share document frequencies only, and are not this);
    - ``phrase``: all terms in their order in one field (``phrase``).

    All settings but those of the terms belong to the search: one index for all of them. Scores are
    Anserini's: rounded to four decimals, ties in corpus order.

    Source: Robertson, Zaragoza and Taylor 2004, Simple BM25 extension to multiple weighted fields
    (CIKM); Lucene's ``CombinedFieldQuery`` and ``DisjunctionMaxQuery``.
    """

    search_only = Bm25.search_only | {"match", "fields", "tie", "slop"}
    titles_apart = True
    # Measured on 50,000 passages of Wikipedia with two cores: cross is the slowest search.
    bytes_per_passage = 200
    search_effort = 1.8

    def __init__(
        self,
        match: str = "cross",
        fields: Mapping[str, float] | None = None,
        tie: float = 0.0,
        slop: int = 0,
        **settings: Any,
    ) -> None:
        """Check the settings.

        Args:
            match: most, best, cross or phrase.
            fields: the weights of ``title`` and ``text``, >= 0; a field of weight 0, or one that is
                not named, is not searched. In ``cross`` 1 is the least weight that Lucene takes.
            tie: share of the fields that are not the best one, from 0 to 1; of best and phrase.
            slop: by how many places terms of a phrase may be moved.
            settings: those of ``Bm25``.

        Raises:
            UserError: a setting is out of range.
        """
        super().__init__(**settings)
        one_of("retriever.match", match, KINDS)
        number("retriever.tie", tie, 0, 1)
        whole_number("retriever.slop", slop, 0)
        weights = _weights({"title": 1.0, "text": 1.0} if fields is None else fields, match)
        self._match = Match(match, weights, float(tie), slop)

    def search(
        self, folder: Path, passages: Passages, questions: QuestionSet, depth: int, runtime: Runtime
    ) -> Run:
        """Search all questions, ``runtime.workers`` at a time."""
        rows: list[np.ndarray] = []
        scores: list[np.ndarray] = []
        bar = progress(len(questions), "search", "questions", runtime)
        opening = partial(self._opened, folder, runtime)
        pending: deque[Future[str]] = deque()

        def collect() -> None:
            hits = json.loads(pending.popleft().result())
            rows.append(np.array([int(docid) for docid in hits["docids"]], dtype=np.int64))
            scores.append(np.array(hits["scores"], dtype=np.float32))
            bar.update()

        with bar, opened((id(self), folder), opening) as (autoclass, searcher):
            lucene = _Searches(autoclass, searcher)
            queries = Queries(autoclass, searcher.get_analyzer(), self._match)
            with ThreadPoolExecutor(runtime.workers) as pool:
                for question in questions:
                    pending.append(pool.submit(lucene.hits, queries.query(question.text), depth))
                    if len(pending) > _AHEAD * runtime.workers:
                        collect()
                while pending:
                    collect()
        return Run.of_rows([q.qid for q in questions], rows, scores, passages.pids)

    def score(
        self,
        folder: Path,
        passages: Passages,
        questions: QuestionSet,
        question_rows: np.ndarray,
        rows: np.ndarray,
        runtime: Runtime,
    ) -> np.ndarray:
        """The scores of (question, passage) pairs, 0 for no match; see ``Bm25.score``."""
        texts = [question.text for question in questions]
        pairs = (question_rows, rows)
        with self._opened(folder, runtime) as (autoclass, searcher):
            words = Queries(autoclass, searcher.get_analyzer(), self._match).query
            return score_pairs(autoclass, searcher, passages, texts, *pairs, runtime, words=words)


def _weights(fields: Any, match: str) -> dict[str, float]:
    """The weight of each field of the index that is searched.

    Raises:
        UserError: other fields, weights out of range, or none above 0.
    """
    if not isinstance(fields, Mapping) or not set(fields) <= set(FIELDS):
        raise UserError(
            f"retriever.fields: the weights of {' and '.join(FIELDS)}, such as "
            f"{{title: 2.0, text: 1.0}}, got '{fields}'"
        )
    weights = {
        name: float(number(f"retriever.fields.{name}", weight, 0))
        for name, weight in fields.items()
    }
    if not any(weights.values()):
        raise UserError("retriever.fields: no field has a weight above 0: nothing is searched")
    if match == "cross" and (low := [name for name, one in weights.items() if 0 < one < 1]):
        raise UserError(
            f"retriever.fields.{low[0]}: Lucene combines fields by weights of 1 or more (0 leaves "
            f"one out), got '{weights[low[0]]:g}': give the other field more instead"
        )
    return {FIELDS[name]: weight for name, weight in weights.items() if weight}


class _Searches:
    """What is done in threads, by methods of objects that are each the only one of its class.

    In pyjnius all objects of a class share their methods, and a method keeps the object it was last
    looked up on.
    """

    def __init__(self, autoclass: Any, opened: Any) -> None:
        from jnius import cast, find_javaclass

        reader = cast("org.apache.lucene.index.IndexReader", opened.reader)
        self._searcher = autoclass("org.apache.lucene.search.IndexSearcher")(reader)
        self._searcher.setSimilarity(opened.get_similarity())
        fields = autoclass("org.apache.lucene.search.SortField")
        kinds = autoclass("org.apache.lucene.search.SortField$Type")
        self._best = autoclass("org.apache.lucene.search.Sort")(
            fields.FIELD_SCORE, fields("id", kinds.STRING_VAL)
        )
        self._ties = autoclass("io.anserini.rerank.lib.ScoreTiesAdjusterReranker")()
        self._scored = autoclass("io.anserini.search.ScoredDocs").fromTopDocs
        autoclass("org.apache.lucene.search.TopFieldDocs")  # or two threads would make it at once
        self._mapper = autoclass("com.fasterxml.jackson.databind.ObjectMapper")()
        document = self._mapper.configOverride(
            find_javaclass("org.apache.lucene.document.Document")
        )
        document.setIsIgnoredType(autoclass("java.lang.Boolean")("true"))

    def hits(self, query: Any, depth: int) -> str:
        """Ids and scores of the best passages as JSON, rounded and told apart as Anserini does."""
        import jnius

        try:
            best = self._searcher.search(query, depth, self._best, True)
            scored = self._ties.rerank(self._scored(best, self._searcher), None)
            return str(self._mapper.writeValueAsString(scored))
        finally:
            jnius.detach()  # or the JVM keeps the thread when it has ended
