"""Exact search in postings: the best passages of questions, and the scores of pairs.

A passage's score is the sum of question weight times posting weight, in float64, in the order of
the question's terms. Equal scores stand in corpus order; a passage that shares no term is no hit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from qa_bench.errors import DataError
from qa_bench.retriever.postings.kernels import MOST_TERMS, WINDOW, candidates, summaries
from qa_bench.retriever.postings.rescoring import ranked, shared_terms, sums
from qa_bench.retriever.postings.store import Postings

Exact = Callable[[np.ndarray | slice, np.ndarray], np.ndarray]
"""The float64 weights of postings: of some, or of a slice, each with its term (int32)."""

_PIECE = 1 << 20
"""Postings whose weights are computed at once."""
_QUESTIONS = 16
"""Questions a thread takes at once: what they touched is still near when they are scored again."""
_PAIRS = 1 << 16
"""Pairs a thread takes at once."""
_WINDOWS_PAY = 8
"""Postings a window that a term has at least where its windows are noted."""


class Questions(NamedTuple):
    """The terms of questions.

    Attributes:
        pointers: where each question's terms start, and the end; whole numbers (questions + 1,).
        terms: numbers of the postings' terms, -1 for unknown ones; (n,) int32.
        weights: float64 (n,).
    """

    pointers: np.ndarray
    terms: np.ndarray
    weights: np.ndarray


class Weights:
    """What each posting counts.

    Attributes:
        quick: float32 (postings,), for sums that tell which passages to look at.
        exact: computes the weights that scores are made of.
    """

    def __init__(self, postings: Postings, exact: Exact | None = None, workers: int = 1) -> None:
        """Compute all weights once, in float32.

        Args:
            postings: the postings.
            exact: computes weights; None: the values that are stored are the weights.
            workers: threads.

        Raises:
            DataError: a weight is not finite as float32.
        """
        self.exact = exact or _stored(postings)
        self.quick = _quick(postings, exact, workers)
        counts = np.diff(postings.pointers)
        windows = -(-postings.passages // WINDOW)
        often = np.flatnonzero(counts >= _WINDOWS_PAY * windows)
        self.places = np.full(postings.terms, -1, dtype=np.int32)
        self.places[often] = np.arange(len(often), dtype=np.int32)
        self.highest = np.empty(postings.terms, dtype=np.float32)
        self.lowest = np.empty(postings.terms, dtype=np.float32)
        self.starts = np.empty((len(often), windows + 1), dtype=np.int32)

        def summarise(bound: tuple[int, int]) -> bool:
            return summaries(
                postings.pointers, postings.rows, self.quick, *bound, self.places, WINDOW,
                self.highest, self.lowest, self.starts,
            )  # fmt: skip

        with ThreadPoolExecutor(workers) as pool:
            if not all(pool.map(summarise, pieces(postings.pointers))):
                raise DataError("a weight is not finite", postings.folder)


def _stored(postings: Postings) -> Exact:
    values = postings.values

    def exact(which: np.ndarray | slice, terms: np.ndarray) -> np.ndarray:
        return values[which].astype(np.float64)

    return exact


def pieces(pointers: np.ndarray) -> Iterator[tuple[int, int]]:
    """(first term, one past the last) of ``_PIECE`` postings each, or of one term with more."""
    first, terms = 0, len(pointers) - 1
    while first < terms:
        end = int(np.searchsorted(pointers, pointers[first] + _PIECE, side="right")) - 1
        last = min(max(end, first + 1), terms)
        yield first, last
        first = last


def _quick(postings: Postings, exact: Exact | None, workers: int) -> np.ndarray:
    values = postings.values
    if exact is None:
        return values.astype(np.float32, copy=False)
    pointers = postings.pointers
    quick = np.empty(len(values), dtype=np.float32)

    def compute(bound: tuple[int, int]) -> None:
        first, last = bound
        some = slice(int(pointers[first]), int(pointers[last]))
        terms = np.repeat(
            np.arange(first, last, dtype=np.int32), np.diff(pointers[first : last + 1])
        )
        quick[some] = exact(some, terms)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(compute, pieces(pointers)))
    return quick


def top_k(
    postings: Postings,
    weights: Weights,
    questions: Questions,
    depth: int,
    workers: int = 1,
    update: Callable[[int], object] = bool,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The best passages of every question.

    Args:
        postings: the postings.
        weights: theirs.
        questions: the questions' terms.
        depth: how many passages, at most, 1 or more.
        workers: threads.
        update: is told how many questions more are done.

    Returns:
        Of every question, rows (int64) and scores (float64): score descending, then corpus order.
    """
    count = len(questions.pointers) - 1
    rows: list[np.ndarray] = []
    scores: list[np.ndarray] = []
    wide = min(depth, max(1, postings.passages))

    def search(first: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        some = _some(questions, first, first + _QUESTIONS)
        ends, found_rows = candidates(
            postings.pointers, postings.rows, weights.quick, weights.highest, weights.lowest,
            weights.places, weights.starts, WINDOW, MOST_TERMS,
            postings.passages, *some, wide,
        )  # fmt: skip
        owners = np.repeat(np.arange(len(ends) - 1), np.diff(ends))
        return ranked(ends, found_rows, _scores(postings, weights, some, owners, found_rows), wide)

    with ThreadPoolExecutor(workers) as pool:
        for ends, hit_rows, hit_scores in pool.map(search, range(0, count, _QUESTIONS)):
            rows += np.split(hit_rows, ends[1:-1])
            scores += np.split(hit_scores, ends[1:-1])
            update(len(ends) - 1)
    return rows, scores


def pair_scores(
    postings: Postings,
    weights: Weights,
    questions: Questions,
    question_rows: np.ndarray,
    rows: np.ndarray,
    workers: int = 1,
) -> np.ndarray:
    """The scores of (question, passage) pairs, 0 where they share no term; float64 (pairs,).

    Args:
        postings: the postings.
        weights: theirs.
        questions: the questions' terms.
        question_rows: each pair's question, a place in ``questions``; (pairs,).
        rows: each pair's passage; (pairs,).
        workers: threads.
    """
    whole = _some(questions, 0, len(questions.pointers) - 1)

    def some(first: int) -> np.ndarray:
        part = slice(first, first + _PAIRS)
        return _scores(postings, weights, whole, question_rows[part], rows[part])

    with ThreadPoolExecutor(workers) as pool:
        return np.concatenate([np.zeros(0), *pool.map(some, range(0, len(rows), _PAIRS))])


def _some(questions: Questions, first: int, last: int) -> Questions:
    """Some of the questions, in the types that the loops are compiled for."""
    pointers = np.asarray(questions.pointers[first : last + 1], dtype=np.int64)
    part = slice(int(pointers[0]), int(pointers[-1]))
    return Questions(
        pointers - pointers[0],
        np.asarray(questions.terms[part], dtype=np.int32),
        np.asarray(questions.weights[part], dtype=np.float64),
    )


def _scores(
    postings: Postings,
    weights: Weights,
    questions: Questions,
    question_rows: np.ndarray,
    rows: np.ndarray,
) -> np.ndarray:
    """The true scores of pairs."""
    ends, places, which = shared_terms(
        postings.pointers, postings.rows, weights.places, weights.starts, WINDOW,
        questions.pointers, questions.terms,
        np.asarray(question_rows, dtype=np.int64), np.asarray(rows, dtype=np.int64),
    )  # fmt: skip
    products = weights.exact(places, questions.terms[which]) * questions.weights[which]
    return sums(ends, products)
