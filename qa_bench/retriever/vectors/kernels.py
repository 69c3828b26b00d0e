"""Loops of exact search that numpy has not.

What a sum's order would change, its value in the last bits, may differ between processors.
"""

from __future__ import annotations

import numpy as np

from qa_bench.runtime.compiled import SUMS, compiled


@compiled(fastmath=SUMS)
def to_bfloat16(passages: np.ndarray, rounded: np.ndarray) -> tuple[np.float32, np.float32]:
    """Round float32 to bfloat16, ties to even.

    Args:
        passages: float32 (passages, dimension).
        rounded: the bits, to be filled; uint16 of the same shape.

    Returns:
        The largest squared length of a passage and of what rounding took from one; NaN if any is.
    """
    count, dimension = passages.shape
    longest = farthest = np.float32(0)
    short = np.empty(dimension, dtype=np.uint32)
    for row in range(count):
        bits = passages[row].view(np.uint32)
        for at in range(dimension):
            odd = (bits[at] >> np.uint32(16)) & np.uint32(1)
            upper = (bits[at] + np.uint32(0x7FFF) + odd) >> np.uint32(16)
            rounded[row, at] = np.uint16(upper)
            short[at] = np.uint32(upper << np.uint32(16))
        values = short.view(np.float32)
        length = moved = np.float32(0)
        for at in range(dimension):
            length += passages[row, at] * passages[row, at]
            away = passages[row, at] - values[at]
            moved += away * away
        if longest == longest and not length <= longest:
            longest = length
        if farthest == farthest and not moved <= farthest:
            farthest = moved
    return longest, farthest


@compiled()
def above(scores: np.ndarray, bars: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The scores above the bar of their row, which few are: their rows, columns, and themselves.

    Args:
        scores: (rows, columns).
        bars: (rows,).
    """

    def longer(array: np.ndarray, length: int) -> np.ndarray:
        more = np.empty(length, dtype=array.dtype)
        more[: len(array)] = array
        return more

    room, done = 1024, 0
    rows, at = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.int64)
    values = np.empty(room, dtype=scores.dtype)
    columns = scores.shape[1]
    whole = (columns + 7) // 8 * 8
    mask = np.zeros(whole, dtype=np.uint8)
    words = mask.view(np.uint64)  # eight at a time
    for row in range(len(scores)):
        bar = bars[row]
        for column in range(columns):
            mask[column] = scores[row, column] > bar
        if done + columns > room:
            room = 2 * room + columns
            rows, at = longer(rows, room), longer(at, room)
            values = longer(values, room)
        for word in range(len(words)):
            if words[word]:
                for column in range(8 * word, 8 * word + 8):
                    if mask[column]:
                        rows[done], at[done] = row, column
                        values[done] = scores[row, column]
                        done += 1
    return rows[:done], at[:done], values[:done]


@compiled()
def keep(
    asked: np.ndarray,
    rows: np.ndarray,
    scores: np.ndarray,
    counts: np.ndarray,
    kept_rows: np.ndarray,
    kept_scores: np.ndarray,
) -> int:
    """Put hits behind those of their question until one's place is full; how many were put.

    Args:
        asked: each hit's question; (hits,).
        rows: each hit's passage; (hits,).
        scores: (hits,).
        counts: hits of each question so far; (questions,).
        kept_rows: (questions, room).
        kept_scores: (questions, room).
    """
    for hit in range(len(asked)):
        question = asked[hit]
        place = counts[question]
        if place == kept_rows.shape[1]:
            return hit
        kept_rows[question, place] = rows[hit]
        kept_scores[question, place] = scores[hit]
        counts[question] = place + 1
    return len(asked)


@compiled(fastmath=SUMS)
def products(
    passages: np.ndarray, rows: np.ndarray, questions: np.ndarray, asked: np.ndarray, l2: bool
) -> np.ndarray:
    """q·p of pairs in float64, for l2 minus the squared distance; (pairs,).

    Args:
        passages: float32 (passages, dimension).
        rows: each pair's passage; (pairs,).
        questions: float64 (questions, dimension).
        asked: each pair's question; (pairs,).
        l2: which.
    """
    products = np.empty(len(rows))
    for pair in range(len(rows)):
        passage, question = passages[rows[pair]], questions[asked[pair]]
        total = 0.0
        if l2:
            for at in range(len(passage)):
                apart = np.float64(passage[at]) - question[at]
                total -= apart * apart
        else:
            for at in range(len(passage)):
                total += np.float64(passage[at]) * question[at]
        products[pair] = total
    return products
