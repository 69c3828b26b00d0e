"""BM25 by Lucene, in this process: Anserini's indexer and searcher, as pyserini uses them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from qa_bench.parts import Part
from qa_bench.retriever.bm25.documents import piped_documents, while_running
from qa_bench.retriever.bm25.java import java_errors, silence, start_jvm
from qa_bench.retriever.bm25.pairs import score_pairs
from qa_bench.runtime.progress import progress
from qa_bench.runtime.warm import opened
from qa_bench.settings import flag, number, one_of
from qa_bench.store.passages import Passages
from qa_bench.types import QuestionSet, Run, Runtime, Step

_SEARCH_BATCH = 512

# From the manifests of benchmarks/whole_line.py on two cores.
_BYTES_PER_PASSAGE = 122
_INDEXED_PER_S = 36_000
_SEARCHED_PER_S = 5.8e8
"""Passages times questions a second, most of which no question looks at."""
_HITS_PER_S = 3.3e5


class Bm25(Part):
    """Lucene's BM25 over title and text as one field.

    The index is the one Anserini's ``IndexCollection`` makes of the same passages, and scores are
    Anserini's: rounded to four decimals, ties in corpus order. Defaults are those of DPR and
    pyserini: k1 = 0.9, b = 0.4, Porter stemming, Lucene's English stop words.

    Source: Robertson and Zaragoza 2009; Lucene's ``BM25Similarity`` (idf = ln(1 + (N - df + 0.5) /
    (df + 0.5)), lengths stored in one byte).
    """

    search_only = frozenset({"k1", "b"})
    depends = ("pyserini",)
    term_vectors = False
    """Whether the index keeps each passage's terms, which feedback reads."""
    titles_apart = False
    """Whether titles are a field of their own, both with positions."""
    bytes_per_passage = _BYTES_PER_PASSAGE
    search_effort = 1.0
    """How many times as long as plain BM25's a search takes."""

    def __init__(
        self,
        k1: float = 0.9,
        b: float = 0.4,
        stemmer: str = "porter",
        keep_stopwords: bool = False,
    ) -> None:
        """Check the settings.

        Args:
            k1: how fast a term's weight saturates, >= 0.
            b: how much length matters, from 0 to 1.
            stemmer: porter, krovetz or none; for passages and questions alike.
            keep_stopwords: index stop words too.

        Raises:
            UserError: a setting is out of range.
        """
        self._k1 = number("retriever.k1", k1, 0)
        self._b = number("retriever.b", b, 0, 1)
        self._stemmer = one_of("retriever.stemmer", stemmer, ("porter", "krovetz", "none"))
        self._keep_stopwords = flag("retriever.keep_stopwords", keep_stopwords)

    def index(self, passages: Passages, folder: Path, runtime: Runtime) -> int:
        """Index every passage with Anserini's ``IndexCollection``: the folder ``lucene``."""
        source, lucene = folder / "documents", folder / "lucene"
        for left_by_a_kill in (source, lucene):
            shutil.rmtree(left_by_a_kill, ignore_errors=True)
        source.mkdir()
        autoclass = start_jvm(runtime.java_heap)
        arguments = autoclass("io.anserini.index.IndexCollection$Args")()
        arguments.collectionClass = "JsonCollection"
        arguments.input, arguments.index = str(source), str(lucene)
        arguments.threads, arguments.quiet = runtime.workers, True
        arguments.memoryBuffer = max(16, runtime.heap_mb // 4)
        arguments.stemmer, arguments.keepStopwords = self._stemmer, self._keep_stopwords
        arguments.storeDocvectors = self.term_vectors
        if self.titles_apart:
            _add_titles(autoclass, arguments)
        bar = progress(len(passages), "index", "passages", runtime)
        offer = piped_documents(passages, source, runtime.workers, self.titles_apart)
        with bar, java_errors(runtime.java_heap), offer:
            indexer = autoclass("io.anserini.index.IndexCollection")(arguments)
            silence(autoclass)
            counters = indexer.getCounters()
            for _ in while_running(indexer.run):
                bar.update(int(counters.indexed.get()) - bar.n)
        source.rmdir()
        return int(counters.indexed.get() + counters.empty.get())

    def search(
        self, folder: Path, passages: Passages, questions: QuestionSet, depth: int, runtime: Runtime
    ) -> Run:
        """Search all questions, ``runtime.workers`` at a time."""
        rows: list[np.ndarray] = []
        scores: list[np.ndarray] = []
        bar = progress(len(questions), "search", "questions", runtime)
        opening = partial(self._opened, folder, runtime)
        with bar, opened((id(self), folder), opening) as (autoclass, searcher):
            write = _result_writer(autoclass)
            for start in range(0, len(questions), _SEARCH_BATCH):
                batch = questions.questions[start : start + _SEARCH_BATCH]
                texts, names = _java_list(autoclass), _java_list(autoclass)
                for number, question in enumerate(batch):
                    texts.add(question.text)
                    names.add(str(number))
                hits = searcher.batch_search(texts, names, depth, runtime.workers)
                hits_of = json.loads(write(hits))
                for number in range(len(batch)):
                    ranked = hits_of.get(str(number), ())
                    rows.append(np.array([int(hit["docid"]) for hit in ranked], dtype=np.int64))
                    scores.append(np.array([hit["score"] for hit in ranked], dtype=np.float32))
                bar.update(len(batch))
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
        """The scores of (question, passage) pairs, 0 where they share no term.

        Those that ``search`` gives, rounded as there, but equal scores stay equal: of hits within
        1e-4 of each other, Anserini's searcher lowers each by 1e-6 more than the one before it.
        """
        texts = [question.text for question in questions]
        with self._opened(folder, runtime) as (autoclass, searcher):
            return score_pairs(autoclass, searcher, passages, texts, question_rows, rows, runtime)

    def plan(
        self, passages: float, questions: int, depth: int, runtime: Runtime
    ) -> tuple[Step, Step]:
        """From measured rates; searching is taken to grow with the passages, and with the hits."""
        heap = f"{runtime.java_heap} heap"
        seconds = questions * (passages / _SEARCHED_PER_S + depth / _HITS_PER_S)
        seconds *= self.search_effort
        return (
            Step("index", passages * self.bytes_per_passage, passages / _INDEXED_PER_S, heap),
            Step("search", 0, seconds, heap),
        )

    @contextmanager
    def _opened(self, folder: Path, runtime: Runtime) -> Iterator[tuple[Any, Any]]:
        """(pyjnius' ``autoclass``, Anserini's searcher with these settings), closed at the end."""
        autoclass = start_jvm(runtime.java_heap)
        analyzers = autoclass("io.anserini.analysis.DefaultEnglishAnalyzer")
        with java_errors(runtime.java_heap):
            searcher = autoclass("io.anserini.search.SimpleSearcher")(
                str(folder / "lucene"),
                analyzers.fromArguments(self._stemmer, self._keep_stopwords, None),
            )
            searcher.set_bm25(self._k1, self._b)
            try:
                yield autoclass, searcher
            finally:
                searcher.close()


def _add_titles(autoclass: Any, arguments: Any) -> None:
    """Let Anserini index the field ``title`` too, and the places of terms.

    Through its command line: pyjnius cannot write an array of strings into a field.
    """
    arguments.storePositions = True
    words = _java_list(autoclass)
    required = ("-collection", arguments.collectionClass, "-input", arguments.input)
    for word in (*required, "-index", arguments.index, "-fields", "title"):
        words.add(word)
    autoclass("org.kohsuke.args4j.CmdLineParser")(arguments).parseArgument(words)


def _java_list(autoclass: Any) -> Any:
    return autoclass("java.util.ArrayList")()


def _result_writer(autoclass: Any) -> Any:
    """Jackson, told to leave the stored documents out: all hits cross from Java as one string.

    Asking each hit for its id and score through pyjnius takes longer than the search itself.
    """
    from jnius import find_javaclass

    mapper = autoclass("com.fasterxml.jackson.databind.ObjectMapper")()
    document = mapper.configOverride(find_javaclass("org.apache.lucene.document.Document"))
    document.setIsIgnoredType(autoclass("java.lang.Boolean")("true"))
    return mapper.writeValueAsString
