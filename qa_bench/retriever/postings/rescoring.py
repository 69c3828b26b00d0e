"""Loops that score the candidates of a search again, exactly, and put them in order."""

from __future__ import annotations

import numpy as np

from qa_bench.runtime.compiled import compiled


@compiled()
def shared_terms(
    pointers: np.ndarray,
    rows: np.ndarray,
    places: np.ndarray,
    starts: np.ndarray,
    window: int,
    question_pointers: np.ndarray,
    question_terms: np.ndarray,
    pair_questions: np.ndarray,
    pair_rows: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The postings in which questions and passages meet, in the order of the questions' terms.

    Args:
        pointers: see ``Postings``.
        rows: see ``Postings``.
        places: see ``kernels.summaries``.
        starts: see ``kernels.summaries``.
        window: passages a window.
        question_pointers: see ``kernels.candidates``.
        question_terms: see ``kernels.candidates``.
        pair_questions: each pair's question; (pairs,).
        pair_rows: each pair's passage; (pairs,).

    Returns:
        Where each pair's postings start, and the end; the postings; for each, which of all
        questions' terms it is of.
    """

    def longer(array: np.ndarray, length: int) -> np.ndarray:
        more = np.empty(length, dtype=array.dtype)
        more[: len(array)] = array
        return more

    pairs = len(pair_rows)
    ends = np.zeros(pairs + 1, dtype=np.int64)
    room, count = 4 * pairs + 64, 0
    postings, which = np.empty(room, np.int64), np.empty(room, np.int64)
    for pair in range(pairs):
        question, row = pair_questions[pair], pair_rows[pair]
        for at in range(question_pointers[question], question_pointers[question + 1]):
            term = question_terms[at]
            if term < 0:
                continue
            low = begin = pointers[term]
            high = pointers[term + 1]
            line = places[term]
            if line >= 0:
                high = begin + starts[line, row // window + 1]
                low = begin + starts[line, row // window]
            end = high
            while low < high:
                middle = (low + high) >> 1
                if rows[middle] < row:
                    low = middle + 1
                else:
                    high = middle
            if low < end and rows[low] == row:
                if count == room:
                    room *= 2
                    postings, which = longer(postings, room), longer(which, room)
                postings[count], which[count] = low, at
                count += 1
        ends[pair + 1] = count
    return ends, postings[:count], which[:count]


@compiled()
def sums(ends: np.ndarray, products: np.ndarray) -> np.ndarray:
    """The sum of each pair's products, from the first to the last; float64 (pairs,).

    Args:
        ends: where each pair's products start, and the end; (pairs + 1,).
        products: float64.
    """
    totals = np.zeros(len(ends) - 1)
    for pair in range(len(totals)):
        total = 0.0
        for at in range(ends[pair], ends[pair + 1]):
            total += products[at]
        totals[pair] = total
    return totals


@compiled()
def ranked(
    ends: np.ndarray, rows: np.ndarray, scores: np.ndarray, depth: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The best of each question's candidates: score descending, then row.

    Args:
        ends: where each question's candidates start, and the end; (questions + 1,).
        rows: of the candidates.
        scores: of the candidates, float64.
        depth: how many are wanted.

    Returns:
        Where each question's hits start, and the end; their rows; their scores.
    """
    questions = len(ends) - 1
    hit_ends = np.zeros(questions + 1, dtype=np.int64)
    for question in range(questions):
        count = min(depth, ends[question + 1] - ends[question])
        hit_ends[question + 1] = hit_ends[question] + count
    hit_rows = np.empty(hit_ends[questions], dtype=np.int64)
    hit_scores = np.empty(hit_ends[questions], dtype=np.float64)
    longest = 0
    for question in range(questions):
        longest = max(longest, ends[question + 1] - ends[question])
    heap = np.empty(longest, dtype=np.int64)
    for question in range(questions):
        first, size = ends[question], ends[question + 1] - ends[question]
        for number in range(size):
            heap[number] = first + number
        # Heap sort: the best is on top.
        for top in range(size // 2 - 1, -1, -1):
            place, one = top, heap[top]
            while 2 * place + 1 < size:
                child = 2 * place + 1
                if child + 1 < size:
                    a, b = heap[child], heap[child + 1]
                    if scores[b] > scores[a] or (scores[b] == scores[a] and rows[b] < rows[a]):
                        child += 1
                a = heap[child]
                if not (
                    scores[a] > scores[one] or (scores[a] == scores[one] and rows[a] < rows[one])
                ):
                    break
                heap[place] = a
                place = child
            heap[place] = one
        for hit in range(hit_ends[question], hit_ends[question + 1]):
            hit_rows[hit], hit_scores[hit] = rows[heap[0]], scores[heap[0]]
            size -= 1
            place, one = 0, heap[size]
            while 2 * place + 1 < size:
                child = 2 * place + 1
                if child + 1 < size:
                    a, b = heap[child], heap[child + 1]
                    if scores[b] > scores[a] or (scores[b] == scores[a] and rows[b] < rows[a]):
                        child += 1
                a = heap[child]
                if not (
                    scores[a] > scores[one] or (scores[a] == scores[one] and rows[a] < rows[one])
                ):
                    break
                heap[place] = a
                place = child
            heap[place] = one
    return hit_ends, hit_rows, hit_scores
