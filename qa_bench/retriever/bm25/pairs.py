"""BM25 scores of given (question, passage) pairs, from the index that Anserini's searcher opened.

One Lucene query a question: its passages by id as the filter, the question's words as what may
match. Results come back in the order of the ids, so that nothing but scores crosses from Java.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
import pyarrow.compute as pc

from qa_bench.errors import UserError
from qa_bench.retriever.bm25.documents import BLANK, WIDTH
from qa_bench.runtime.progress import progress
from qa_bench.store.passages import Passages
from qa_bench.types import Runtime

_AHEAD = 8
"""Queries a thread that are made before they are asked, and all that is held at once."""


class Feedback(Protocol):
    """Takes the first hits of a question for relevant."""

    docs: int
    """How many hits it looks at."""

    def reranker(self, autoclass: Any, analyzer: Any) -> Any:
        """Anserini's ``Reranker``, which leaves the new query's terms in the context."""
        ...


def score_pairs(
    autoclass: Any,
    opened: Any,
    passages: Passages,
    questions: Sequence[str],
    question_rows: np.ndarray,
    rows: np.ndarray,
    runtime: Runtime,
    feedback: Feedback | None = None,
    words: Callable[[str], Any] | None = None,
) -> np.ndarray:
    """The score of every pair, float32 of shape (pairs,); see ``PairScorer``.

    Args:
        autoclass: pyjnius' ``autoclass``.
        opened: Anserini's ``SimpleSearcher``, with its analyzer and similarity.
        passages: the corpus that was indexed.
        questions: the questions' texts.
        question_rows: each pair's place in ``questions``, ascending.
        rows: each pair's passage.
        runtime: threads and progress.
        feedback: what makes another query of each question's first hits; None: the question's words
            are searched as they are.
        words: what makes a question's query; None: that of the contents' terms.

    Raises:
        UserError: the index lacks a passage.
    """
    lucene = _Lucene(autoclass, opened, feedback, words)
    blank = _blank(passages) if lucene.count < len(passages) else np.zeros(0, dtype=np.int64)
    scores = np.zeros(len(rows), dtype=np.float32)
    bounds = np.searchsorted(question_rows, np.arange(len(questions) + 1))
    pending: deque[tuple[slice, np.ndarray, np.ndarray, Future[str]]] = deque()

    def collect() -> None:
        pairs, in_index, place, answer = pending.popleft()
        answers = np.array(json.loads(answer.result())["scoreDocs"], dtype=np.float32).ravel()
        if len(answers) != in_index.sum():
            raise UserError("retriever bm25: the index lacks passages, it is not of this corpus")
        each = np.zeros(len(in_index))
        each[in_index] = np.floor(answers.astype(np.float64) * 1e4 + 0.5) / 1e4  # Java's Math.round
        scores[pairs] = each[place]

    bar = progress(len(questions), "score", "questions", runtime)
    with bar, ThreadPoolExecutor(runtime.workers) as pool:
        for text, start, end in zip(questions, bounds[:-1], bounds[1:], strict=True):
            if start < end:
                unique, place = np.unique(rows[start:end], return_inverse=True)
                held = ~np.isin(unique, blank)
                query = lucene.query(text, unique[held])
                answer = pool.submit(lucene.answer, query, len(unique))
                pending.append((slice(start, end), held, place, answer))
            if len(pending) > _AHEAD * runtime.workers:
                collect()
            bar.update()
        while pending:
            collect()
    return scores


def _blank(passages: Passages) -> np.ndarray:
    """The rows of passages without a visible character, which Anserini does not index."""
    blanks = [np.zeros(0, dtype=np.int64)]
    for first, _, titles, texts in passages.batches():
        blank = [pc.match_substring_regex(part, BLANK) for part in (titles, texts)]
        blanks.append(pc.indices_nonzero(pc.and_(*blank)).to_numpy().astype(np.int64) + first)
    return np.concatenate(blanks)


class _Lucene:
    """What Lucene is asked.

    In pyjnius all objects of a class share their methods, and a method keeps the object it was last
    looked up on. So only ``answer`` may run in threads: it calls methods of two objects, each the
    only one of its class. Everything else belongs to the one thread that made this; feedback calls
    those two there as well, on the same objects.
    """

    def __init__(
        self,
        autoclass: Any,
        opened: Any,
        feedback: Feedback | None,
        words: Callable[[str], Any] | None,
    ) -> None:
        from jnius import cast, find_javaclass

        reader = cast("org.apache.lucene.index.IndexReader", opened.reader)
        self.count = int(reader.numDocs())
        self._searcher = autoclass("org.apache.lucene.search.IndexSearcher")(reader)
        self._searcher.setSimilarity(opened.get_similarity())
        self._searcher.setQueryCache(None)  # no filter comes twice
        self._analyzer = opened.get_analyzer()
        bag = autoclass("io.anserini.search.query.BagOfWordsQueryGenerator")()
        self._words = words or (lambda text: bag.buildQuery("contents", self._analyzer, text))
        self._space = autoclass("java.util.regex.Pattern").compile(" ")
        self._bytes_ref = _bytes_ref(autoclass)
        self._passages = autoclass("org.apache.lucene.search.TermInSetQuery")
        self._builder = autoclass("org.apache.lucene.search.BooleanQuery$Builder")
        occur = autoclass("org.apache.lucene.search.BooleanClause$Occur")
        self._filter, self._should = occur.FILTER, occur.SHOULD
        kind = autoclass("org.apache.lucene.search.SortField$Type")
        by_id = autoclass("org.apache.lucene.search.SortField")("id", kind.STRING_VAL)
        self._by_id = autoclass("org.apache.lucene.search.Sort")(by_id)
        self._mapper = autoclass("com.fasterxml.jackson.databind.ObjectMapper")()
        ignored = autoclass("com.fasterxml.jackson.annotation.JsonIgnoreProperties$Value")
        shape = autoclass("com.fasterxml.jackson.annotation.JsonFormat$Value")
        array = shape.forShape(autoclass("com.fasterxml.jackson.annotation.JsonFormat$Shape").ARRAY)
        autoclass("org.apache.lucene.search.TopFieldDocs")  # or two threads would make it at once
        docs = self._mapper.configOverride(find_javaclass("org.apache.lucene.search.TopFieldDocs"))
        docs.setIgnorals(ignored.forIgnoredProperties("totalHits", "fields"))
        doc = self._mapper.configOverride(find_javaclass("org.apache.lucene.search.FieldDoc"))
        doc.setIgnorals(ignored.forIgnoredProperties("doc", "shardIndex", "fields"))
        doc.setFormat(array)
        self._reranker: Any = None
        if feedback:
            self._docs = feedback.docs
            self._reranker = feedback.reranker(autoclass, self._analyzer)
            self._best = autoclass("org.apache.lucene.search.Sort")(
                autoclass("org.apache.lucene.search.SortField").FIELD_SCORE, by_id
            )
            self._arguments = autoclass("io.anserini.search.SearchCollection$Args")()
            self._arguments.hits = 1  # those of the new query, which nobody looks at
            self._context = autoclass("io.anserini.rerank.RerankerContext")
            self._tokens = autoclass("io.anserini.analysis.AnalyzerUtils").analyze
            self._scored = autoclass("io.anserini.search.ScoredDocs").fromTopDocs
            self._term = autoclass("org.apache.lucene.index.Term")
            self._term_query = autoclass("org.apache.lucene.search.TermQuery")
            self._boosted = autoclass("org.apache.lucene.search.BoostQuery")

    def query(self, text: str, rows: np.ndarray) -> Any:
        """The passages at ``rows``, whether they hold a word of ``text`` or not."""
        # As one string: a call a passage takes longer than the search.
        ids = " ".join([f"{row:0{WIDTH}}" for row in rows.tolist()])
        refs = self._space.splitAsStream(ids).map(self._bytes_ref).toList()
        passages = self._passages("id", refs)
        words = self._words(text)
        if self._reranker:
            words = self._fed_back(words, text)
        builder = self._builder()
        builder.add(passages, self._filter)
        builder.add(words, self._should)
        return builder.build()

    def _fed_back(self, words: Any, text: str) -> Any:
        """The query that feedback makes of the best passages for ``words``."""
        hits = self._scored(
            self._searcher.search(words, self._docs, self._best, True), self._searcher
        )
        tokens = self._tokens(self._analyzer, text)
        context = self._context(
            self._searcher, None, words, None, text, tokens, None, self._arguments
        )
        self._reranker.rerank(hits, context)
        weights = json.loads(self._mapper.writeValueAsString(context.feedbackTerms))
        builder = self._builder()
        for term, weight in weights.items():
            word = self._term_query(self._term("contents", term))
            builder.add(self._boosted(word, weight), self._should)
        return builder.build()

    def answer(self, query: Any, count: int) -> str:
        """The scores of the passages in the order of their rows, as JSON; for a thread to do."""
        import jnius

        try:
            return str(
                self._mapper.writeValueAsString(
                    self._searcher.search(query, count, self._by_id, True)
                )
            )
        finally:
            jnius.detach()  # or the JVM keeps the thread when it has ended


def _bytes_ref(autoclass: Any) -> Any:
    """The constructor ``BytesRef(CharSequence)`` as a ``java.util.function.Function``."""
    from jnius import cast, find_javaclass

    handles = autoclass("java.lang.invoke.MethodHandles").publicLookup()
    of_chars = autoclass("java.lang.invoke.MethodType").methodType(
        autoclass("java.lang.Void").TYPE, find_javaclass("java.lang.CharSequence")
    )
    make = handles.findConstructor(find_javaclass("org.apache.lucene.util.BytesRef"), of_chars)
    function = "java.util.function.Function"
    proxies = autoclass("java.lang.invoke.MethodHandleProxies")
    return cast(function, proxies.asInterfaceInstance(find_javaclass(function), make))
