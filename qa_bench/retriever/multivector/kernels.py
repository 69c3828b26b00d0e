"""Loops of MaxSim that numpy has not: the best of each passage's products, quick and exact."""

from __future__ import annotations

import numpy as np

from qa_bench.runtime.compiled import SUMS, compiled


@compiled()
def segment_best(
    products: np.ndarray, pointers: np.ndarray, spans: np.ndarray, scores: np.ndarray
) -> None:
    """Fill ``scores`` with the sum over a question's tokens of the best of a passage's products.

    Args:
        products: float32 (passage tokens, question tokens).
        pointers: where each passage's rows begin, and the end; (passages + 1,).
        spans: where each question's columns begin, and the end; (questions + 1,).
        scores: to be filled; float32 (passages, questions).
    """
    width = products.shape[1]
    best = np.empty(width, dtype=np.float32)
    for passage in range(len(pointers) - 1):
        first = pointers[passage]
        for at in range(width):
            best[at] = products[first, at]
        # Column by column at once: no sum or maximum runs along a row, so all of it is vectors.
        for token in range(first + 1, pointers[passage + 1]):
            for at in range(width):
                best[at] = products[token, at] if products[token, at] > best[at] else best[at]
        for question in range(len(spans) - 1):
            total = np.float32(0)
            for at in range(spans[question], spans[question + 1]):
                total += best[at]
            scores[passage, question] = total


@compiled()
def offer(
    scores: np.ndarray,
    first_row: int,
    bars: np.ndarray,
    counts: np.ndarray,
    rows: np.ndarray,
    quick: np.ndarray,
) -> None:
    """Put the passages that reach the bar of their question behind its others; there is room.

    Args:
        scores: float32 (passages, questions).
        first_row: the row of the first passage.
        bars: float32 (questions,).
        counts: candidates of each question so far; int64 (questions,).
        rows: int64 (questions, room).
        quick: their scores; float32 (questions, room).
    """
    passages, questions = scores.shape
    for passage in range(passages):
        for question in range(questions):
            if not scores[passage, question] < bars[question]:
                place = counts[question]
                rows[question, place] = first_row + passage
                quick[question, place] = scores[passage, question]
                counts[question] = place + 1


@compiled(fastmath=SUMS)
def exact_best(
    products: np.ndarray,
    passages: np.ndarray,
    pointers: np.ndarray,
    question: np.ndarray,
    doubts: np.ndarray,
    scores: np.ndarray,
) -> None:
    """MaxSim in float64: only products that may be the largest are computed again.

    Args:
        products: float32 (passage tokens, question tokens), each off by its doubt at most.
        passages: float32 (passage tokens, dimension).
        pointers: where each passage's rows begin, and the end; (passages + 1,).
        question: float64 (question tokens, dimension).
        doubts: float32 (question tokens,).
        scores: to be filled; float64 (passages,), summed in the order of the question's tokens.
    """
    width = products.shape[1]
    best = np.empty(width, dtype=np.float32)
    true = np.empty(width, dtype=np.float64)
    for passage in range(len(pointers) - 1):
        first, last = pointers[passage], pointers[passage + 1]
        for at in range(width):
            best[at] = products[first, at]
            true[at] = -np.inf
        for token in range(first + 1, last):
            for at in range(width):
                best[at] = products[token, at] if products[token, at] > best[at] else best[at]
        for at in range(width):
            best[at] -= np.float32(2) * doubts[at]
        for token in range(first, last):
            for at in range(width):
                if products[token, at] >= best[at]:
                    total = 0.0
                    for place in range(question.shape[1]):
                        total += np.float64(passages[token, place]) * question[at, place]
                    true[at] = total if total > true[at] else true[at]
        total = 0.0
        for at in range(width):
            total += true[at]
        scores[passage] = total


@compiled()
def gather_codes(
    codes: np.ndarray, scales: np.ndarray, places: np.ndarray, values: np.ndarray
) -> None:
    """Unpack vectors that lie all over: their codes times their scale.

    Args:
        codes: int8 (vectors, before + dimension), the codes last.
        scales: float32 (vectors,).
        places: which vectors; (count,) int64.
        values: to be filled; float32 (count, dimension).
    """
    before = codes.shape[1] - values.shape[1]
    for at in range(len(places)):
        place = places[at]
        scale = scales[place]
        for column in range(values.shape[1]):
            values[at, column] = np.float32(codes[place, before + column]) * scale
