"""BM25 by the library bm25s, over Lucene's terms, with ties as everywhere here."""

from __future__ import annotations

import logging
from array import array
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from qa_bench.errors import DataError, UserError
from qa_bench.parts import Part
from qa_bench.retriever.postings.terms import Analysis, Lexicon, passage_counts
from qa_bench.runtime.progress import progress
from qa_bench.runtime.warm import opened
from qa_bench.settings import number, one_of
from qa_bench.store.passages import Passages
from qa_bench.types import QuestionSet, Run, Runtime, Step

METHODS = ("lucene", "robertson", "atire", "bm25l", "bm25+")
_MARGIN = 50
"""Hits looked at beyond the depth, since most questions have a tie at the cut."""
_QUESTIONS_AT_ONCE = 256
_COMPILED_FROM = 2e8
"""Questions times passages from which compiling pays: 6 s, for 20 times the questions a second."""

# From 102,341 passages on two cores.
_BYTES_PER_PASSAGE, _INDEXED_PER_S, _SEARCHED_PER_S = 490, 6_000, 8e8


class Bm25s(Part):
    """BM25 whose weights are computed once, by bm25s, with numpy or numba.

    Passages and questions go through the project's own analysis, so its terms are Lucene's. bm25s
    leaves open which of several passages of one score make the cut; here they are in corpus order,
    which is found by looking further. Scores are bm25s' float32 sums, in the question's order; with
    bm25l and bm25+ absent words have a weight, which those of Kamphuis et al. have not.

    Source: Lù 2024, BM25S: Orders of magnitude faster lexical search via eager sparse scoring;
    Kamphuis et al. 2020 for the five methods.
    """

    depends = ("bm25s",)
    labels = frozenset({"engine"})
    """Both make the same terms."""

    def __init__(
        self,
        method: str = "lucene",
        k1: float = 0.9,
        b: float = 0.4,
        delta: float | None = None,
        stemmer: str = "porter",
        keep_stopwords: bool = False,
        engine: str = "python",
    ) -> None:
        """Check the settings; all belong to the index, which holds finished weights.

        Args:
            method: lucene (its accurate formula, lengths as they are), robertson, atire, bm25l or
                bm25+.
            k1: how fast a term's weight saturates, >= 0.
            b: how much length matters, from 0 to 1.
            delta: of bm25l, added to the frequency, and of bm25+, added to the weight; None: 0.5
                and 1. Absent words get it too, so bm25+'s changes no ranking.
            stemmer: porter, krovetz or none; for passages and questions alike.
            keep_stopwords: index stop words too.
            engine: what makes terms, python or lucene, which starts a JVM; they are the same.

        Raises:
            UserError: a setting is out of range, or delta of a method that has none.
        """
        self._method = one_of("retriever.method", method, METHODS)
        self._k1 = number("retriever.k1", k1, 0)
        self._b = number("retriever.b", b, 0, 1)
        self._delta = number("retriever.delta", delta, 0, optional=True)
        if delta is not None and method not in ("bm25l", "bm25+"):
            raise UserError(
                f"retriever.delta={delta}: method {method} has no delta; bm25l and bm25+ have"
            )
        self._analysis_settings = stemmer, keep_stopwords, engine
        Analysis(*self._analysis_settings)  # checks them

    def sources(self) -> dict[str, str]:
        """The rules by which texts become terms."""
        return {"analysis": Analysis.version}

    def index(self, passages: Passages, folder: Path, runtime: Runtime) -> int:
        """Weigh every passage's terms; bm25s' own files.

        Raises:
            UserError: no passage holds a term.
        """
        bm25s = _library()
        lexicon = Lexicon(self._analysis(runtime))
        tokens: list[array[int]] = []
        bar = progress(len(passages), "index", "passages", runtime)
        with bar:
            for block in passage_counts(passages, lexicon, runtime.workers):
                repeated = np.repeat(block.terms, block.counts).astype(np.int32)
                ends = np.cumsum(block.lengths)
                # bm25s counts them itself: four bytes a token, where a list of numbers takes forty.
                for first, end in zip([0, *ends], ends, strict=False):
                    tokens.append(array("i", repeated[first:end].tobytes()))
                bar.update(len(ends))
        vocabulary = {term: number for number, term in enumerate(lexicon)}
        if not vocabulary:
            raise UserError("retriever bm25s: no passage holds a term; there is nothing to index")
        delta = 0.5 if self._delta is None and self._method == "bm25l" else self._delta
        engine = bm25s.BM25(
            k1=self._k1, b=self._b, delta=1.0 if delta is None else delta, method=self._method
        )
        # Its empty token would have a number beyond the arrays.
        engine.index((tokens, vocabulary), create_empty_token=False, show_progress=False)
        engine.save(folder, show_progress=False)
        return len(tokens)

    def search(
        self, folder: Path, passages: Passages, questions: QuestionSet, depth: int, runtime: Runtime
    ) -> Run:
        """Search all questions, ``runtime.workers`` at a time.

        Raises:
            DataError: the index is cut short, or no such index.
        """
        heavy = len(questions) * len(passages) >= _COMPILED_FROM
        bar = progress(len(questions), "search", "questions", runtime)
        opening = partial(_opening, folder, len(passages), "numba" if heavy else "numpy")
        with bar, opened((id(self), folder, heavy), opening) as engine:
            terms = self._terms(engine, questions, runtime)

            def some(first: int) -> list[tuple[np.ndarray, np.ndarray]]:
                return _hits(engine, terms[first : first + _QUESTIONS_AT_ONCE], depth)

            hits: list[tuple[np.ndarray, np.ndarray]] = []
            with ThreadPoolExecutor(runtime.workers) as pool:
                for part in pool.map(some, range(0, len(terms), _QUESTIONS_AT_ONCE)):
                    hits += part
                    bar.update(len(part))
        rows, scores = [row for row, _ in hits], [score for _, score in hits]
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
        """The scores of (question, passage) pairs, as ``search`` gives them.

        Of a pair that shares no term it is 0; with bm25l and bm25+, what absent terms are worth.
        """
        scores = np.zeros(len(rows), dtype=np.float32)
        with opened((id(self), folder), partial(_opening, folder, len(passages), "numpy")) as it:
            terms = self._terms(it, questions, runtime)
            starts = np.searchsorted(question_rows, np.arange(len(questions) + 1))
            for question in np.unique(question_rows):
                places = slice(starts[question], starts[question + 1])
                scores[places] = _pair_scores(it, terms[question], rows[places])
        return scores

    def plan(
        self, passages: float, questions: int, depth: int, runtime: Runtime
    ) -> tuple[Step, Step]:
        """From measured rates; all tokens are in memory while they are weighed."""
        size = passages * _BYTES_PER_PASSAGE
        seconds = 8 + questions * passages / _SEARCHED_PER_S
        return (
            Step("index", size, passages / _INDEXED_PER_S, f"{4 * size / 1e9 + 0.5:.1f} GB"),
            Step("search", 0, seconds, f"{passages * 4 / 1e9 + 0.5:.1f} GB"),
        )

    def _analysis(self, runtime: Runtime) -> Analysis:
        return Analysis(*self._analysis_settings, heap=runtime.java_heap)

    def _terms(self, engine: Any, questions: QuestionSet, runtime: Runtime) -> list[list[int]]:
        """The numbers of each question's terms, in order and repeated; unknown ones left out."""
        analysis, numbers = self._analysis(runtime), engine.vocab_dict
        return [
            [numbers[term] for term in analysis.terms(question.text) if term in numbers]
            for question in questions
        ]


def _library() -> Any:
    """bm25s, which tells its every step on the terminal unless it is stopped."""
    import bm25s

    logging.getLogger("bm25s").setLevel(logging.WARNING)
    return bm25s


def _hits(
    engine: Any, terms: Sequence[list[int]], depth: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """(rows, scores) of each question's best, ties in corpus order.

    bm25s gives some of those that tie with its last hit: it is asked for more until the last one is
    below the cut, or shares no term.
    """
    nothing = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)
    hits = [nothing] * len(terms)
    pending = [place for place, numbers in enumerate(terms) if numbers]
    count = int(engine.scores["num_docs"])
    width = min(depth + _MARGIN, count)
    while pending:
        best = engine.retrieve(
            [terms[place] for place in pending],
            k=width,
            n_threads=1,
            show_progress=False,
            backend_selection=engine.backend,
        )
        rows, values = best.documents.astype(np.int64), best.scores.astype(np.float32)
        open_ended = []
        for place, some_rows, some in zip(pending, rows, values, strict=True):
            scores = _with_absent(engine, terms[place], some)
            order = np.lexsort((some_rows, -scores))
            shared = order[some[order] > 0]  # the others share no term
            hits[place] = some_rows[shared][:depth], scores[shared][:depth]
            if width < count and len(shared) == width and scores[order[depth - 1]] == scores.min():
                open_ended.append(place)
        pending, width = open_ended, min(4 * width, count)
    return hits


def _with_absent(engine: Any, terms: list[int], shared: np.ndarray) -> np.ndarray:
    """Scores, from sums over shared terms; bm25l and bm25+ weigh absent ones too.

    bm25s takes an absent term's weight off every posting, and adds it to every passage's sum. Added
    here instead, so that a passage that shares no term has a sum of 0, whatever rounding does.
    """
    absent: np.ndarray | None = engine.absent
    if absent is None:
        return shared
    scores: np.ndarray = (shared + absent[terms].sum(dtype=np.float64)).astype(np.float32)
    return scores


def _pair_scores(engine: Any, terms: list[int], rows: np.ndarray) -> np.ndarray:
    """One question's scores of some passages, (rows,): each term's list is looked up."""
    arrays = engine.scores
    shared = np.zeros(len(rows), dtype=np.float32)
    for term in terms:
        first, last = arrays["indptr"][term], arrays["indptr"][term + 1]
        if first == last:
            continue
        listed = arrays["indices"][first:last]
        places = np.minimum(np.searchsorted(listed, rows), len(listed) - 1)
        there = listed[places] == rows
        shared[there] += arrays["data"][first:last][places[there]]
    return _with_absent(engine, terms, shared)


@contextmanager
def _opening(folder: Path, passages: int, backend: str) -> Iterator[Any]:
    """bm25s over the mapped files of a folder.

    Raises:
        DataError: a file is cut short, missing or of something else.
    """
    bm25s = _library()
    try:
        engine = bm25s.BM25.load(folder, mmap=True, backend=backend, show_progress=False)
        data, rows, pointers = (engine.scores[name] for name in ("data", "indices", "indptr"))
        lengths = np.diff(pointers)
        whole = (
            len(data) == len(rows) == pointers[-1]
            and len(lengths) == len(engine.vocab_dict)
            and engine.scores["num_docs"] == passages
            and pointers[0] == 0
            and lengths.min() >= 0
            and 0 <= rows.min() <= rows.max() < passages  # else numba reads beyond its memory
        )
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"no bm25s index; delete {folder} to build it again", folder) from error
    if not whole:
        raise DataError(
            f"cut short, or of another corpus; delete {folder} to build it again", folder
        )
    engine.absent, engine.nonoccurrence_array = engine.nonoccurrence_array, None
    yield engine
