"""BM25 by Lucene, in this process: Anserini's indexer and searcher, as pyserini uses them."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from qa_bench.errors import UserError
from qa_bench.java import java_errors, start_jvm
from qa_bench.progress import progress
from qa_bench.store import Group, Passages
from qa_bench.types import QuestionSet, Run, Runtime

_WIDTH = 12
"""Digits of a Lucene document id: the passage's row, padded so that text order is corpus order."""

_BATCHES_PER_FILE = 4
"""Record batches a file of documents: Anserini's threads take a file each."""

_SEARCH_BATCH = 512


class Bm25:
    """Lucene's BM25 over title and text as one field.

    The index is the one Anserini's ``IndexCollection`` makes of the same passages, and scores are
    Anserini's: rounded to four decimals, ties in corpus order. Defaults are those of DPR and
    pyserini: k1 = 0.9, b = 0.4, Porter stemming, Lucene's English stop words.

    Source: Robertson and Zaragoza 2009; Lucene's ``BM25Similarity`` (idf = ln(1 + (N - df + 0.5) /
    (df + 0.5)), lengths stored in one byte).
    """

    search_only = frozenset({"k1", "b"})
    depends = ("pyserini",)

    def __init__(
        self,
        k1: float = 0.9,
        b: float = 0.4,
        stemmer: str = "porter",
        keep_stopwords: bool = False,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        """Check the settings.

        Args:
            k1: how fast a term's weight saturates, >= 0.
            b: how much length matters, from 0 to 1.
            stemmer: porter, krovetz or none; for passages and questions alike.
            keep_stopwords: index stop words too.
            about: for people.

        Raises:
            UserError: a setting is out of range.
        """
        if k1 < 0 or not 0 <= b <= 1:
            raise UserError(f"retriever bm25: need k1 >= 0 and 0 <= b <= 1, got k1={k1} b={b}")
        if stemmer not in ("porter", "krovetz", "none"):
            raise UserError(f"retriever.stemmer: porter, krovetz or none, got '{stemmer}'")
        self._k1, self._b = k1, b
        self._stemmer, self._keep_stopwords = stemmer, keep_stopwords

    def index(self, passages: Passages, folder: Path, runtime: Runtime) -> int:
        """Index every passage; one index directory ``lucene`` in ``folder``.

        Anserini's ``IndexCollection`` does it, from JSON files written beside the index and removed
        afterwards: handing it documents one by one through pyjnius took a quarter longer.
        """
        source, lucene = folder / "documents", folder / "lucene"
        for left_by_a_kill in (source, lucene):
            shutil.rmtree(left_by_a_kill, ignore_errors=True)
        source.mkdir()
        with ThreadPoolExecutor(runtime.workers) as pool:
            written = pool.map(
                partial(_write_documents, source), count(), passages.batches(_BATCHES_PER_FILE)
            )
            autoclass = start_jvm(runtime.java_heap)  # takes its time beside the writing
            for _ in written:
                pass
        arguments = autoclass("io.anserini.index.IndexCollection$Args")()
        arguments.collectionClass = "JsonCollection"
        arguments.input, arguments.index = str(source), str(lucene)
        arguments.threads, arguments.quiet = runtime.workers, True
        arguments.memoryBuffer = max(16, runtime.heap_mb // 4)
        arguments.stemmer, arguments.keepStopwords = self._stemmer, self._keep_stopwords
        indexer = autoclass("io.anserini.index.IndexCollection")(arguments)
        counters = indexer.getCounters()
        bar = progress(len(passages), "index", "passages", runtime)
        with bar, java_errors(runtime.java_heap):
            for _ in _while_running(indexer.run):
                bar.update(int(counters.indexed.get()) - bar.n)
        shutil.rmtree(source)
        return int(counters.indexed.get() + counters.empty.get())

    def search(
        self, folder: Path, passages: Passages, questions: QuestionSet, depth: int, runtime: Runtime
    ) -> Run:
        """Search all questions, ``runtime.workers`` at a time."""
        autoclass = start_jvm(runtime.java_heap)
        analyzers = autoclass("io.anserini.analysis.DefaultEnglishAnalyzer")
        searcher = autoclass("io.anserini.search.SimpleSearcher")(
            str(folder / "lucene"),
            analyzers.fromArguments(self._stemmer, self._keep_stopwords, None),
        )
        searcher.set_bm25(self._k1, self._b)
        write = _result_writer(autoclass)
        rows: list[np.ndarray] = []
        scores: list[np.ndarray] = []
        bar = progress(len(questions), "search", "questions", runtime)
        with bar, java_errors(runtime.java_heap):
            for start in range(0, len(questions), _SEARCH_BATCH):
                batch = questions.questions[start : start + _SEARCH_BATCH]
                texts, names = _java_list(autoclass), _java_list(autoclass)
                for number, question in enumerate(batch):
                    texts.add(question.text)
                    names.add(str(number))
                hits = searcher.batch_search(texts, names, depth, runtime.workers)
                found = json.loads(write(hits))
                for number in range(len(batch)):
                    ranked = found.get(str(number), ())
                    rows.append(np.array([int(hit["docid"]) for hit in ranked], dtype=np.int64))
                    scores.append(np.array([hit["score"] for hit in ranked], dtype=np.float32))
                bar.update(len(batch))
        searcher.close()
        return Run.of_rows([q.qid for q in questions], rows, scores, passages.pids)


def _write_documents(folder: Path, number: int, batches: Group) -> None:
    """One file of Anserini's JSON documents: the row as id, title and text as one field.

    Built column by column in Arrow, outside Python's lock. Only passages with control characters,
    which JSON must escape one by one, go through Python.
    """
    with (folder / f"{number:06d}.jsonl").open("wb") as file:
        for first, _, titles, texts in batches:
            rows = pa.array(np.arange(first, first + len(texts))).cast(pa.string())
            lines = pc.binary_join_element_wise(
                '{"id":"',
                pc.utf8_lpad(rows, _WIDTH, "0"),
                '","contents":"',
                _escaped(titles),
                "\\n",
                _escaped(texts),
                '"}\n',
                "",
            )
            _, ends, data = lines.buffers()
            file.write(memoryview(data)[: memoryview(ends).cast("i")[len(lines)]])


def _escaped(strings: pa.Array) -> pa.Array:
    """The strings as they stand between the quotes of JSON."""
    if pc.any(pc.match_substring_regex(strings, "[\\x00-\\x1f]")).as_py():
        return pa.array([json.dumps(s, ensure_ascii=False)[1:-1] for s in strings.to_pylist()])
    strings = pc.replace_substring(strings, "\\", "\\\\")
    return pc.replace_substring(strings, '"', '\\"')


def _while_running(work: Callable[[], None]) -> Iterator[None]:
    """Do ``work`` in a thread of its own and yield now and then, so that Ctrl-C is heard."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(timeout=0.2)
        yield
    if failures:
        raise failures[0]


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
