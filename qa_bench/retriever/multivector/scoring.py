"""MaxSim of pairs in float64, and how far a float32 product can be off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from qa_bench.retriever.multivector.kernels import exact_best
from qa_bench.retriever.multivector.store import Tokens, TokenVectors
from qa_bench.runtime.devices import full_sums, one_thread_each, worker_threads
from qa_bench.types import Runtime

_GATHERED = 4096
"""Token vectors of passages from all over that are scored at once."""


def pair_scores(
    vectors: TokenVectors,
    questions: Tokens,
    question_rows: np.ndarray,
    rows: np.ndarray,
    runtime: Runtime,
    mean: bool = False,
    update: Callable[[int], Any] = int,
) -> np.ndarray:
    """MaxSim of (question, passage) pairs in float64; (pairs,).

    Args:
        vectors: the passages.
        questions: their token vectors.
        question_rows: each pair's question, ascending.
        rows: each pair's passage.
        runtime: threads.
        mean: divide by the number of the question's tokens.
        update: told how many more pairs are done.
    """
    scores = np.empty(len(rows), dtype=np.float64)
    bounds = np.searchsorted(question_rows, np.arange(questions.texts + 1))
    several = [q for q in range(questions.texts) if bounds[q] < bounds[q + 1]]

    def one(question: int) -> int:
        part = slice(bounds[question], bounds[question + 1])
        vectors_of = questions.of(question)
        scores[part] = question_scores(vectors, vectors_of, rows[part], mean)
        return int(part.stop - part.start)

    with full_sums(), one_thread_each(True), worker_threads(runtime.workers, True) as pool:
        for count in pool.map(one, several):
            update(count)
    return scores


def question_scores(
    vectors: TokenVectors, question: np.ndarray, rows: np.ndarray, mean: bool = False
) -> np.ndarray:
    """MaxSim of one question and several passages in float64; (passages,)."""
    import torch

    scores = np.empty(len(rows), dtype=np.float64)
    wide = question.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1)
    ends = np.cumsum(vectors.lengths(rows))
    first = 0
    while first < len(rows):
        before = ends[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(ends, before + _GATHERED, side="right")))
        passages = vectors.at(rows[first:last])
        products = torch.mm(torch.from_numpy(passages.values), torch.from_numpy(question).T).numpy()
        doubts = rounding(vectors.dimension + 4) * longest(passages.values) * lengths
        exact_best(
            products,
            passages.values,
            passages.pointers,
            wide,
            doubts.astype(np.float32) * np.float32(1.001),
            scores[first:last],
        )
        first = last
    return scores / len(question) if mean else scores


def rounding(terms: int) -> float:
    """How much a float32 sum of so many products is off at most, of the sum of their magnitudes.

    Whatever the order, n·u / (1 − n·u) (Higham 2002, Accuracy and Stability of Numerical
    Algorithms, section 3.1); u is four times float32's, for units that round sums towards zero.
    """
    unit = terms * 2.0**-22
    return unit / (1 - unit)


def longest(vectors: np.ndarray) -> float:
    """The length of the longest vector, or a little more."""
    squares = np.einsum("ij,ij->i", vectors, vectors)
    return float(np.sqrt(squares.max(initial=0), dtype=np.float64)) * 1.0001
