"""BM25-adpt: how fast a term saturates is read off how often it comes again.

With df_0 = N, df_1 = df and df_r the passages whose c = tf / B is at least r - 0.5, the r-th
occurrence of a term tells

    G_r = log2((df_(r+1) + .5) / (df_r + 1)) - log2((df + .5) / (N + 1)),

and k is where (k + 1) r / (k + r) is nearest to G_r / G_1 by least squares, r from 1 to T, the last
one before G first falls. G_1 takes the place of the idf.

Where nothing but the first occurrence tells anything (T = 1), every k fits, and k1 is taken.

Source: Lv and Zhai 2011, Adaptive term frequency normalization for BM25 (CIKM), as Trotman et al.
2014 and Kamphuis et al. 2020 write it.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from qa_bench.retriever.postings.search import pieces
from qa_bench.retriever.postings.store import Postings
from qa_bench.runtime.compiled import compiled

_MOST = 32
"""Occurrences that are looked at: nearly always G falls long before."""
RANGE = (1e-3, 1e3)
"""The least and the largest k."""
_STEPS = 60
"""Where the least squares are sought first, evenly in log k."""


def fitted(
    postings: Postings, norm: np.ndarray, passages: int, k1: float, workers: int
) -> tuple[np.ndarray, np.ndarray]:
    """G_1 and k of every term, float64 (terms,).

    Args:
        postings: counts.
        norm: B of each passage; (passages,).
        passages: N.
        k1: k where nothing can be fitted.
        workers: threads.
    """
    gains, ks = np.zeros(postings.terms), np.full(postings.terms, float(k1))
    low, high = (float(np.log(bound)) for bound in RANGE)
    grid = np.exp(np.linspace(low, high, _STEPS + 1))

    def fit(bound: tuple[int, int]) -> None:
        _fit(
            postings.pointers, postings.rows, postings.values, *bound, norm, passages, _MOST, grid,
            gains, ks,
        )  # fmt: skip

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(fit, pieces(postings.pointers)))
    return gains, ks


@compiled()
def _fit(
    pointers: np.ndarray,
    rows: np.ndarray,
    values: np.ndarray,
    first: int,
    last: int,
    norm: np.ndarray,
    passages: int,
    most: int,
    grid: np.ndarray,
    gains: np.ndarray,
    ks: np.ndarray,
) -> None:
    """Fit the terms from ``first`` on, up to ``last``; ``gains`` and ``ks`` are filled."""

    def distance(k: float, ratios: np.ndarray, count: int) -> float:
        total = 0.0
        for r in range(1, count + 1):
            off = ratios[r] - (k + 1) * r / (k + r)
            total += off * off
        return total

    df = np.empty(most + 2)
    ratios = np.empty(most + 2)
    for term in range(first, last):
        count = pointers[term + 1] - pointers[term]
        if count == 0:
            continue
        df[:] = 0
        for posting in range(pointers[term], pointers[term + 1]):
            reached = int(values[posting] / norm[rows[posting]] + 0.5)
            df[min(reached, most + 1)] += 1
        for r in range(most, -1, -1):
            df[r] += df[r + 1]
        df[0], df[1] = passages, count
        base = np.log2((count + 0.5) / (passages + 1))
        gains[term] = np.log2((df[2] + 0.5) / (df[1] + 1)) - base
        before = gains[term]
        usable = 1
        for r in range(2, most + 1):
            gain = np.log2((df[r + 1] + 0.5) / (df[r] + 1)) - base
            if gain < before:
                break
            ratios[r] = gain / gains[term] if gains[term] else 0.0
            before, usable = gain, r
        if usable == 1 or gains[term] <= 0:
            continue
        ratios[1] = 1.0
        best, least = 0, np.inf
        for step in range(len(grid)):
            off = distance(grid[step], ratios, usable)
            if off < least:
                best, least = step, off
        # Golden section between the neighbours of the best step.
        low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
        share = (np.sqrt(5.0) - 1) / 2
        for _ in range(60):
            left, right = high - share * (high - low), low + share * (high - low)
            if distance(left, ratios, usable) <= distance(right, ratios, usable):
                high = right
            else:
                low = left
        ks[term] = (low + high) / 2
