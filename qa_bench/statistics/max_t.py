"""Step-down max-T: p adjusted by the draws themselves, which know how systems go together."""

from __future__ import annotations

import numpy as np

_ROUNDING = 1e-9
"""A draw that reaches the statistic but for this share has reached it."""

_ENTRIES = 1 << 20
"""Of a block: pairs × draws."""


def statistics(
    sums: np.ndarray, norms: np.ndarray, first: np.ndarray, second: np.ndarray
) -> np.ndarray:
    """|Σ d| / √Σ d² of pairs; 0 where all differences d are 0.

    Its size orders as Student's t does, and signs that are flipped leave the denominator alone.

    Args:
        sums: of each system's values, flipped or not, (systems, draws).
        norms: √Σ d² of each pair, (pairs,).
        first: each pair's first system.
        second: its second.

    Returns:
        float64 of shape (pairs, draws).
    """
    sizes: np.ndarray = sums[first]
    sizes -= sums[second]
    np.abs(sizes, out=sizes)
    sizes *= np.where(norms > 0, 1 / np.where(norms > 0, norms, 1), 0)[:, None]
    return sizes


def max_t(
    observed: np.ndarray,
    flipped: np.ndarray,
    norms: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
) -> np.ndarray:
    """Adjusted p of each pair of a family.

    Pairs stand in the order of their statistics, the largest first. A pair's p is the share of
    draws, the data among them, in which the largest statistic of this pair and all after it is as
    large as this pair's; and no less than the p of any before it.

    Source: Westfall and Young 1993, Resampling-Based Multiple Testing, algorithm 2.8; Romano and
    Wolf 2005, Journal of the American Statistical Association 100:94-108.

    Args:
        observed: sums of the systems' values, (systems,).
        flipped: the same with flipped signs, (systems, draws).
        norms: √Σ d² of each pair, (pairs,).
        first: each pair's first system, (pairs,).
        second: its second.

    Returns:
        float64 of shape (pairs,).
    """
    truth = statistics(observed[:, None], norms, first, second)[:, 0]
    order = np.argsort(truth, kind="stable")  # the largest last: maxima run through it
    bounds = (truth[order] * (1 - _ROUNDING))[:, None]
    first, second, scales = first[order], second[order], norms[order]
    reached = np.zeros(len(order), dtype=np.int64)
    draws = flipped.shape[1]
    block = max(1, _ENTRIES // max(len(order), 1))
    for start in range(0, draws, block):
        sizes = statistics(flipped[:, start : start + block], scales, first, second)
        np.maximum.accumulate(sizes, axis=0, out=sizes)
        reached += np.count_nonzero(sizes >= bounds, axis=1)
    steps = np.maximum.accumulate(((reached + 1) / (draws + 1))[::-1])[::-1]
    adjusted = np.empty(len(order))
    adjusted[order] = steps
    return np.where(truth > 0, adjusted, 1.0)


def sampled_p(
    observed: np.ndarray,
    flipped: np.ndarray,
    norms: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
) -> np.ndarray:
    """P of each pair alone, by the same draws: (reached + 1) / (draws + 1); (pairs,).

    Source: Phipson and Smyth 2010, Statistical Applications in Genetics and Molecular Biology 9:39,
    on why the data count as a draw.
    """
    truth = statistics(observed[:, None], norms, first, second)
    bounds, draws = truth * (1 - _ROUNDING), flipped.shape[1]
    reached = np.zeros(len(first), dtype=np.int64)
    block = max(1, _ENTRIES // max(len(first), 1))
    for start in range(0, draws, block):
        sizes = statistics(flipped[:, start : start + block], norms, first, second)
        reached += np.count_nonzero(sizes >= bounds, axis=1)
    return np.where(truth[:, 0] > 0, (reached + 1) / (draws + 1), 1.0)
