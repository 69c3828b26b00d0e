"""Questions that ask the same: by normalised text, and nearly the same by MinHash.

Source: Broder 1997, On the resemblance and containment of documents; candidates by bands: Leskovec,
Rajaraman and Ullman, Mining of massive datasets, section 3.4.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xxhash

from qa_bench.text import squad_normalize

_SHINGLE = 5
"""Characters."""
_BANDS, _ROWS = 24, 3
"""Two questions with a resemblance of 0.7 share a band in 99.99 of 100 cases, of 0.5 in 96."""
_SEED = 1997


def duplicates(questions: Sequence[str], near: float) -> dict[int, tuple[int, bool]]:
    """The places of questions that ask what an earlier one asks, which stays.

    Args:
        questions: in order.
        near: the resemblance from which two are nearly the same: of their sets of runs of five
            characters, what both have over what either has, after SQuAD's normalisation.

    Returns:
        By place: the earlier one's, and whether the two are quite the same once normalised.
        MinHash chooses which pairs are compared; the resemblance that decides is exact.
    """
    earlier: dict[str, int] = {}
    sets: dict[int, set[int]] = {}
    buckets: dict[tuple[int, bytes], list[int]] = {}
    doubles: dict[int, tuple[int, bool]] = {}
    multipliers, additions = _hash_functions()
    for place, question in enumerate(questions):
        normal = squad_normalize(question)
        if normal in earlier:
            doubles[place] = earlier[normal], True
            continue
        shingles = _shingles(normal)
        bands = _bands(shingles, multipliers, additions)
        likely = sorted({other for band in bands for other in buckets.get(band, ())})
        twin = next((o for o in likely if _resemblance(shingles, sets[o]) >= near), None)
        if twin is not None:
            doubles[place] = twin, False
            continue
        earlier[normal], sets[place] = place, shingles
        for band in bands:
            buckets.setdefault(band, []).append(place)
    return doubles


def _shingles(text: str) -> set[int]:
    """Hashes of the runs of characters; of a shorter text, of all of it."""
    runs = {text[n : n + _SHINGLE] for n in range(max(len(text) - _SHINGLE, 0) + 1)}
    return {xxhash.xxh3_64_intdigest(run.encode("utf-8", "surrogatepass")) for run in runs}


def _resemblance(one: set[int], other: set[int]) -> float:
    return len(one & other) / len(one | other)


def _hash_functions() -> tuple[np.ndarray, np.ndarray]:
    """The a (odd) and b of h → a·h + b modulo 2^64; both uint64 (functions, 1)."""
    random = np.random.default_rng(_SEED)
    shape = (_BANDS * _ROWS, 1)
    multipliers = random.integers(0, 2**64, shape, dtype=np.uint64) | np.uint64(1)
    return multipliers, random.integers(0, 2**64, shape, dtype=np.uint64)


def _bands(
    shingles: set[int], multipliers: np.ndarray, additions: np.ndarray
) -> list[tuple[int, bytes]]:
    """The least value of each function over the shingles, a few functions a band."""
    hashes = np.fromiter(shingles, dtype=np.uint64, count=len(shingles))
    least = (multipliers * hashes + additions).min(axis=1).reshape(_BANDS, _ROWS)
    return [(number, band.tobytes()) for number, band in enumerate(least)]
