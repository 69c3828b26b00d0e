"""From texts to counted terms: Lucene's analysis, each different piece of text analysed once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from qa_bench.errors import UserError
from qa_bench.retriever.postings.pieces import Pieces, count, cut
from qa_bench.retriever.postings.table import Table
from qa_bench.settings import flag, one_of
from qa_bench.store.passages import Passages
from qa_bench.types import Runtime

STEMMERS = ("porter", "krovetz", "none")
ENGINES = ("python", "lucene")

_BLOCK_BYTES = 1 << 23
"""Bytes of text that are cut at once: what a thread holds does not grow with the passages."""

_PROBE = (
    "The O'Neils' dog's 1,000.5 running_x a.b:c 3.a ___ #️⃣ İstanbul’S ΟΔΟΣ "
    "possibly geology ye 日本 ひら カタ 한국 ไทย שלום\"ב ה' 👩‍👧 🇩🇪 e\u0301 " + "x" * 256
)


class _Engine(Protocol):
    """What makes terms."""

    def terms(self, text: str) -> list[str]: ...

    def of_pieces(self, pieces: Sequence[str]) -> tuple[list[str], np.ndarray]: ...


class Analysis:
    """How a text becomes terms: Lucene's English analysis as Anserini has it.

    Words by StandardTokenizer, without English possessives, in lower case, without 33 stop words,
    stemmed. Both engines make the same terms; what ``lucene`` makes is compared when it starts.
    """

    version = "1"
    """Of the rules; part of what an index is known by. The engine is not."""

    def __init__(
        self,
        stemmer: str = "porter",
        keep_stopwords: bool = False,
        engine: str = "python",
        heap: str = Runtime.java_heap,
    ) -> None:
        """Check the settings; nothing is started yet.

        Args:
            stemmer: porter, krovetz or none.
            keep_stopwords: stop words are terms too.
            engine: python, or lucene, which starts a JVM.
            heap: of the JVM.

        Raises:
            UserError: a setting that there is not, or Krovetz without Lucene.
        """
        self._stemmer = one_of("retriever.stemmer", stemmer, STEMMERS)
        self._keep_stopwords = flag("retriever.keep_stopwords", keep_stopwords)
        self.engine = one_of("retriever.engine", engine, ENGINES)
        self._heap = heap
        if self._stemmer == "krovetz" and self.engine == "python":
            raise UserError(
                "retriever.stemmer=krovetz: only Lucene has Krovetz's stemmer; give "
                "retriever.engine=lucene, which needs Java, or retriever.stemmer=porter"
            )

    def terms(self, text: str) -> list[str]:
        """The terms of a text in their order, repeats among them."""
        return self._made.terms(text)

    def of_pieces(self, pieces: Sequence[str]) -> tuple[list[str], np.ndarray]:
        """The terms of pieces of text that ``pieces.cut`` made, and how many each has.

        Returns:
            All terms, and int64 (pieces,).
        """
        return self._made.of_pieces(pieces)

    @cached_property
    def _made(self) -> _Engine:
        """The engine.

        Raises:
            UserError: no Java, or a Lucene of other rules.
        """
        from qa_bench.retriever.postings.python_terms import PythonTerms

        if self.engine == "python":
            return PythonTerms(self._stemmer == "porter", self._keep_stopwords)
        from qa_bench.retriever.postings.lucene_terms import LuceneTerms

        stemmer = "none" if self._stemmer == "krovetz" else self._stemmer
        ours = PythonTerms(stemmer == "porter", self._keep_stopwords).terms(_PROBE)
        if LuceneTerms(stemmer, self._keep_stopwords, self._heap).terms(_PROBE) != ours:
            raise UserError(
                "retriever.engine=lucene: this Lucene makes other terms than the one that was "
                "measured; install the pinned pyserini, or give retriever.engine=python"
            )
        return LuceneTerms(self._stemmer, self._keep_stopwords, self._heap)


class Lexicon(Sequence[str]):
    """The terms that came so far, numbered in the order in which they came; threads may share it.

    It remembers the pieces of text as well, and what terms each has.
    """

    def __init__(self, analysis: Analysis) -> None:
        """Begin with none."""
        self._analysis, self._lock = analysis, threading.Lock()
        self._pieces, self._terms = Table(), Table()
        self._firsts, self._numbers = np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.int32)

    def __len__(self) -> int:
        return len(self._terms)

    def __getitem__(self, number: Any) -> Any:
        return self._terms[number]

    def strings(self) -> pa.Array:
        """All terms by number, an Arrow array of strings."""
        with self._lock:
            return self._terms.strings()

    def add(self, pieces: Pieces) -> tuple[np.ndarray, np.ndarray]:
        """The terms of pieces; those that are new get the next numbers.

        Returns:
            Where each different piece's begin, int64 (different + 1,), and their numbers, int32.
        """
        with self._lock:
            places = self._pieces.add(pieces.starts, pieces.data, pieces.hashes)
            self._analyse()
            firsts = self._firsts[places]
            sizes = self._firsts[places + 1] - firsts
            ends = np.concatenate([[0], np.cumsum(sizes)])
            at = np.arange(ends[-1]) + np.repeat(firsts - ends[:-1], sizes)
            return ends, self._numbers[at]

    def _analyse(self) -> None:
        """Analyse the pieces that are new."""
        before = len(self._firsts) - 1
        if before == len(self._pieces):
            return
        terms, counts = self._analysis.of_pieces(self._pieces.strings(before).to_pylist())
        numbers = self._terms.add_strings(terms)
        ends = np.cumsum(counts) + self._firsts[-1]
        self._firsts = np.concatenate([self._firsts, ends])
        self._numbers = np.concatenate([self._numbers, numbers])


class Block(NamedTuple):
    """The counted terms of consecutive passages."""

    first_row: int
    pointers: np.ndarray
    """Where each passage's begin, int64 (passages + 1,)."""
    terms: np.ndarray
    """Numbers of terms, each once in a passage, as they first come in it; int32."""
    counts: np.ndarray
    """How often each comes; int32."""
    lengths: np.ndarray
    """How many terms each passage has, repeats among them; int32 (passages,)."""


def counts(
    texts: Sequence[str] | pa.Array, lexicon: Lexicon, workers: int = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Count the terms of texts.

    Args:
        texts: any strings.
        lexicon: gets their terms.
        workers: threads.

    Returns:
        pointers, terms, counts and lengths, as ``Block`` has them.
    """
    array = texts if isinstance(texts, pa.Array) else pa.array(texts, pa.string())
    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    blocks = list(
        _counted(((first, (part,)) for first, part in _parts(0, array)), lexicon, workers)
    )
    sizes = [np.diff(block.pointers) for block in blocks]
    pointers = np.concatenate([[0], *sizes]).cumsum()
    empty = np.zeros(0, dtype=np.int32)
    terms, numbers, lengths = (
        np.concatenate([empty, *columns])
        for columns in (
            [block.terms for block in blocks],
            [block.counts for block in blocks],
            [block.lengths for block in blocks],
        )
    )
    return pointers, terms, numbers, lengths


def passage_counts(passages: Passages, lexicon: Lexicon, workers: int = 1) -> Iterator[Block]:
    """Count the terms of passages, title and text as one field, as ``retriever=bm25`` indexes them.

    Args:
        passages: the corpus.
        lexicon: gets their terms, numbered in the order of the corpus however many threads there are.
        workers: threads.

    Yields:
        Blocks in the order of the corpus.
    """

    def parts() -> Iterator[tuple[int, tuple[pa.Array, ...]]]:
        for first, _, titles, texts in passages.batches():
            for row, part in _parts(first, texts):
                yield row, (titles.slice(row - first, len(part)), part)

    return _counted(parts(), lexicon, workers)


def _parts(first: int, array: pa.Array) -> Iterator[tuple[int, pa.Array]]:
    """Slices of strings of about ``_BLOCK_BYTES``, and the row at which each begins."""
    ends = np.concatenate([[0], np.cumsum(pc.binary_length(array).to_numpy(), dtype=np.int64)])
    start = 0
    while start < len(array):
        end = int(np.searchsorted(ends, ends[start] + _BLOCK_BYTES, side="right")) - 1
        end = max(end, start + 1)
        yield first + start, array.slice(start, end - start)
        start = end


def _counted(
    parts: Iterator[tuple[int, tuple[pa.Array, ...]]], lexicon: Lexicon, workers: int
) -> Iterator[Block]:
    """Count parts in their order; threads cut and count, this one asks the lexicon between."""
    cutting: deque[tuple[int, Future[Pieces]]] = deque()
    counting: deque[tuple[int, Future[tuple[np.ndarray, ...]]]] = deque()
    with ThreadPoolExecutor(workers) as pool:

        def begin() -> None:
            for first, columns in parts:
                cutting.append((first, pool.submit(_cut, columns)))
                if len(cutting) > workers:
                    return

        begin()
        while cutting or counting:
            if cutting:
                first, pieces = cutting.popleft()
                some = pieces.result()
                counting.append((first, pool.submit(count, some, *lexicon.add(some))))
                begin()
            if counting and (len(counting) > workers or not cutting):
                first, block = counting.popleft()
                yield Block(first, *block.result())


def _cut(columns: tuple[pa.Array, ...]) -> Pieces:
    """Cut the strings of parallel columns, of each row a line break between them."""
    text = pc.binary_join_element_wise(*columns, "\n") if len(columns) > 1 else columns[0]
    ends_of, data_of = text.buffers()[1:]
    size = 8 if pa.types.is_large_string(text.type) else 4
    ends = np.frombuffer(ends_of, dtype=f"int{8 * size}") if ends_of else np.zeros(1, np.int32)
    ends = ends[text.offset : text.offset + len(text) + 1]
    return cut(ends, np.frombuffer(data_of or b"", dtype=np.uint8))
