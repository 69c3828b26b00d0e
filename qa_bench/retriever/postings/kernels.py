"""Loops of exact search in postings.

Passages are looked at window by window, so that the sums of one stay near the core. Within a window
terms whose highest weights together cannot lift a passage over the bar only count for passages that
another term brings (MaxScore).

Sources: Turtle and Flood 1995, Query evaluation: strategies and optimizations (MaxScore);
Ding and Suel 2011, Faster top-k document retrieval using block-max indexes.
"""

from __future__ import annotations

import numpy as np

from qa_bench.runtime.compiled import compiled

WINDOW = 4096
"""Passages whose sums are held at once: 16 kB, which the nearest cache holds."""
MOST_TERMS = 64
"""Questions of more terms are summed without looking for terms that cannot matter."""
_RARE = 32
"""Looking one passage up in the lists of weak terms takes as long as adding so many postings."""


@compiled()
def summaries(
    pointers: np.ndarray,
    rows: np.ndarray,
    quick: np.ndarray,
    first: int,
    last: int,
    places: np.ndarray,
    window: int,
    highest: np.ndarray,
    lowest: np.ndarray,
    starts: np.ndarray,
) -> bool:
    """Extremes of the weights of some terms; whether all weights are finite.

    Args:
        pointers: see ``Postings``.
        rows: see ``Postings``.
        quick: the weights, float32.
        first: the first of the terms.
        last: one past the last.
        places: of each term, its line in ``starts``, or -1.
        window: passages a window.
        highest: to be filled; (terms,).
        lowest: to be filled; (terms,).
        starts: to be filled: where each window's postings start, from the term's first;
            (lines, windows + 1).
    """
    finite = True
    for term in range(first, last):
        most, least = np.float32(-np.inf), np.float32(np.inf)
        start, end = pointers[term], pointers[term + 1]
        for posting in range(start, end):
            weight = quick[posting]
            finite &= np.isfinite(weight)
            most, least = max(most, weight), min(least, weight)
        highest[term], lowest[term] = most, least
        line = places[term]
        if line >= 0:
            windows, posting = starts.shape[1] - 1, start
            for number in range(windows):
                starts[line, number] = posting - start
                bound = (number + 1) * window
                while posting < end and rows[posting] < bound:
                    posting += 1
            starts[line, windows] = end - start
    return finite


@compiled()
def candidates(
    pointers: np.ndarray,
    rows: np.ndarray,
    quick: np.ndarray,
    highest: np.ndarray,
    lowest: np.ndarray,
    places: np.ndarray,
    starts: np.ndarray,
    window: int,
    most_terms: int,
    passages: int,
    question_pointers: np.ndarray,
    question_terms: np.ndarray,
    question_weights: np.ndarray,
    depth: int,
) -> tuple[np.ndarray, np.ndarray]:
    """The passages that may be among the best of each question.

    A quick score is a sum of n products in float32 whose factors are rounded: of positive ones it
    is off by less than (n + 3) u of the true score, u = 2^-24 (Higham 2002, 3.1 and 3.5). So with
    e = (n + 8) u, a passage is left out only where its quick score is below (1 - 3 e) times the
    depth-th best quick score. Where weights may be zero or negative the bar is lower by twice an
    absolute error, and sums of zero or less are left out: if depth better ones are not there in the
    end, or a question weighs a term below zero, or weights are very large, sums are in float64, and
    the error is that of the weights.

    Args:
        pointers: see ``Postings``.
        rows: see ``Postings``.
        quick: the weights, float32.
        highest: see ``summaries``.
        lowest: see ``summaries``.
        places: see ``summaries``.
        starts: see ``summaries``.
        window: passages a window.
        most_terms: ``MOST_TERMS``.
        passages: how many there are.
        question_pointers: where each question's terms start, and the end; (questions + 1,).
        question_terms: numbers of terms, -1 for unknown ones.
        question_weights: float64, one a term of a question.
        depth: how many are wanted.

    Returns:
        Where each question's candidates start, and the end; their rows, in no order.
    """

    def longer(array: np.ndarray, length: int) -> np.ndarray:
        more = np.empty(length, dtype=array.dtype)
        more[: len(array)] = array
        return more

    def push(heap: np.ndarray, size: int, score: float) -> int:
        """Keep the highest scores, the lowest of them first; the new size."""
        if size < len(heap):
            place = size
            while place > 0 and heap[(place - 1) >> 1] > score:
                heap[place] = heap[(place - 1) >> 1]
                place = (place - 1) >> 1
            heap[place] = score
            return size + 1
        if score <= heap[0]:
            return size
        place = 0
        while True:
            child = 2 * place + 1
            if child >= size:
                break
            if child + 1 < size and heap[child + 1] < heap[child]:
                child += 1
            if heap[child] >= score:
                break
            heap[place] = heap[child]
            place = child
        heap[place] = score
        return size

    questions = len(question_pointers) - 1
    ends = np.zeros(questions + 1, dtype=np.int64)
    result = np.empty(questions * (depth + 16), dtype=np.int32)
    total = 0

    room = 4 * depth + 1024
    some_rows, some_scores = np.empty(room, np.int32), np.empty(room, np.float64)
    heap = np.empty(depth, dtype=np.float64)

    longest = 1
    for question in range(questions):
        longest = max(longest, question_pointers[question + 1] - question_pointers[question])
    terms, weights = np.empty(longest, np.int64), np.empty(longest, np.float64)
    froms, nexts = np.empty(longest, np.int64), np.empty(longest, np.int64)
    bounds = np.empty(longest, np.float64)
    together = np.zeros(longest + 1, np.float64)

    whole = (window + 7) // 8 * 8
    sums, exact_sums = np.zeros(whole, np.float32), np.zeros(whole, np.float64)
    sum_bits = sums.view(np.int32)
    limit = np.zeros(1, np.float32)
    limit_bits = limit.view(np.int32)
    touched, over = np.zeros(whole, np.uint8), np.zeros(whole, np.uint8)
    words = over.view(np.uint64)  # eight at a time
    some_places, window_scores = np.empty(whole, np.int64), np.empty(whole, np.float64)

    for question in range(questions):
        count = 0
        positive = quickly = True
        most = scale = 0.0
        for at in range(question_pointers[question], question_pointers[question + 1]):
            term = question_terms[at]
            if term < 0 or pointers[term] == pointers[term + 1]:
                continue
            weight = question_weights[at]
            bound, place = weight * highest[term], count
            while place > 0 and bounds[place - 1] > bound and count < most_terms:
                terms[place], weights[place] = terms[place - 1], weights[place - 1]
                bounds[place] = bounds[place - 1]
                place -= 1
            terms[place], weights[place], bounds[place] = term, weight, bound
            count += 1
            quickly &= weight > 1e-30  # in float32, too
            positive &= weight * lowest[term] > 1e-30
            most += abs(weight) * max(abs(highest[term]), abs(lowest[term]))
            scale += abs(weight)
        quickly &= count <= most_terms and most < 1e30
        error = (count + 8) * 2.0**-24
        off = 2 * (error * most + count * (scale + 1) * 1e-44)
        held = size = 0
        bar = -np.inf
        for at in range(count):  # the weakest come first; together[n] is what the first n can add
            nexts[at] = pointers[terms[at]]
            together[at + 1] = together[at] + max(bounds[at], 0.0) * (1 + error)

        if quickly:
            for first in range(0, passages if count else 0, window):
                number, last = first // window, min(first + window, passages)
                optional = loose = postings = 0
                for at in range(count):
                    term = terms[at]
                    line, posting, end = places[term], nexts[at], pointers[term + 1]
                    froms[at] = posting
                    if line >= 0:
                        posting = pointers[term] + starts[line, number + 1]
                    else:
                        while posting < end and rows[posting] < last:
                            posting += 1
                    nexts[at] = posting
                    postings += posting - froms[at]
                    if together[at + 1] < bar:
                        optional, loose = at + 1, postings
                postings -= loose
                if _RARE * postings >= loose:
                    optional = 0
                for at in range(optional, count):
                    weight = np.float32(weights[at])
                    for posting in range(froms[at], nexts[at]):
                        sums[np.uint64(rows[posting] - first)] += weight * quick[posting]
                need = bar - together[optional]
                least = limit[0] = np.float32(max(need * (1 - 1e-6), 0.0))
                survivors = 0
                if optional:  # few: straight from the lists, each when it comes first
                    for at in range(optional, count):
                        for posting in range(froms[at], nexts[at]):
                            here = np.uint64(rows[posting] - first)
                            quick_score = sums[here]
                            sums[here] = 0.0
                            if quick_score > least:
                                some_places[survivors] = here
                                window_scores[survivors] = quick_score
                                survivors += 1
                    for one in range(survivors):
                        score, row = window_scores[one], first + some_places[one]
                        for at in range(optional - 1, -1, -1):
                            if score + together[at + 1] < bar:
                                score = -1.0
                                break
                            low, high = froms[at], nexts[at]
                            while low < high:
                                middle = (low + high) >> 1
                                if rows[middle] < row:
                                    low = middle + 1
                                else:
                                    high = middle
                            if low < nexts[at] and rows[low] == row:
                                score += weights[at] * quick[low]
                        window_scores[one] = score
                elif postings:
                    highest_bits = np.int32(0)  # as whole numbers: the order of sums above zero
                    for place in range(whole):
                        highest_bits = max(highest_bits, sum_bits[place])
                    if highest_bits > limit_bits[0]:
                        for place in range(whole):
                            over[place] = sums[place] > least
                        for word in range(len(words)):
                            if words[word]:
                                for place in range(8 * word, 8 * word + 8):
                                    if over[place]:
                                        some_places[survivors] = place
                                        window_scores[survivors] = sums[place]
                                        survivors += 1
                    for place in range(whole):
                        sums[place] = 0.0
                for one in range(survivors):
                    score = window_scores[one]
                    if score < bar or score < 0:
                        continue
                    if held == len(some_rows):
                        some_rows = longer(some_rows, 2 * held)
                        some_scores = longer(some_scores, 2 * held)
                    some_rows[held], some_scores[held] = first + some_places[one], score
                    held += 1
                    size = push(heap, size, score)
                    if size == depth:
                        bar = heap[0] * (1 - 3 * error) if positive else heap[0] - off
        if not quickly or not (positive or (size == depth and bar > 0)):
            held = size = 0
            bar = -np.inf
            for at in range(count):
                nexts[at] = pointers[terms[at]]
            for first in range(0, passages, window):
                last = min(first + window, passages)
                for at in range(count):
                    posting, end = nexts[at], pointers[terms[at] + 1]
                    while posting < end and rows[posting] < last:
                        here = np.uint64(rows[posting] - first)
                        exact_sums[here] += weights[at] * quick[posting]
                        touched[here] = 1
                        posting += 1
                    nexts[at] = posting
                for place in range(last - first):
                    if touched[place]:
                        score = exact_sums[place]
                        touched[place] = 0
                        exact_sums[place] = 0.0
                        if score < bar:
                            continue
                        if held == len(some_rows):
                            some_rows = longer(some_rows, 2 * held)
                            some_scores = longer(some_scores, 2 * held)
                        some_rows[held], some_scores[held] = first + place, score
                        held += 1
                        size = push(heap, size, score)
                        if size == depth:
                            bar = heap[0] - off
        for candidate in range(held):
            if some_scores[candidate] >= bar:
                if total == len(result):
                    result = longer(result, 2 * total + 16)
                result[total] = some_rows[candidate]
                total += 1
        ends[question + 1] = total
    return ends, result[:total]
