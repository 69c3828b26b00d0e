"""True scores: similarities in float64."""

from __future__ import annotations

import numpy as np

from qa_bench.retriever.vectors.kernels import products
from qa_bench.store.vectors import Vectors


def similarities(passages: np.ndarray, question: np.ndarray, similarity: str) -> np.ndarray:
    """Float64 scores of one question and several passages; (passages,).

    dot: q·p, and cosine the same for vectors of length 1; l2: minus the squared distance. A passage
    gets the same score in whatever company, which is not so for ``passages @ question``.
    """
    every = np.arange(len(passages))
    wide = question.astype(np.float64)[None]
    return products(passages, every, wide, np.zeros_like(every), similarity == "l2")


def pair_scores(
    vectors: Vectors, questions: np.ndarray, asked: np.ndarray, rows: np.ndarray, similarity: str
) -> np.ndarray:
    """Similarities of (question, passage) pairs, rounded to float32 as hits have them; (pairs,).

    Args:
        vectors: the passages.
        questions: (questions, dimension).
        asked: each pair's question.
        rows: each pair's passage.
        similarity: dot, cosine or l2.
    """
    if not len(asked):
        return np.zeros(0, dtype=np.float32)
    first = asked.min()
    wide = questions[first : asked.max() + 1].astype(np.float64)
    scores = np.empty(len(rows), dtype=np.float32)
    for places, passages, here in vectors.pieces(rows):
        found = products(passages, here, wide, asked[places] - first, similarity == "l2")
        scores[places] = single(found)
    return scores


@np.errstate(over="ignore")
def single(scores: np.ndarray) -> np.ndarray:
    """Rounded to float32, as hits have them; beyond its range they are infinite."""
    return scores.astype(np.float32)
