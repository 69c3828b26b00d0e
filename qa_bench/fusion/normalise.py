"""Scores of one question and part brought to a common scale."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from qa_bench.settings import one_of
from qa_bench.store.hits import Hits

Scale = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def min_max(scores: np.ndarray, starts: np.ndarray, owners: np.ndarray) -> np.ndarray:
    """(score - min) / (max - min), from 0 to 1; 1 where all scores of the list are equal.

    Source: Lee 1997, Analyses of Multiple Evidence Combination (SIGIR). A list of equal scores
    gets 1 as in pyserini (``TrecRun.rescore``): with 0, a list of one hit would count as none.
    """
    low = np.minimum.reduceat(scores, starts)
    width = np.maximum.reduceat(scores, starts) - low
    return _divided(scores - low[owners], width[owners], 1.0)


def z_score(scores: np.ndarray, starts: np.ndarray, owners: np.ndarray) -> np.ndarray:
    """(score - mean) / standard deviation (of the population); 0 where all scores are equal.

    Source: Montague and Aslam 2001, Relevance Score Normalization for Metasearch (CIKM): ZMUV.
    """
    counts = np.diff(starts, append=len(scores))
    low, high = np.minimum.reduceat(scores, starts), np.maximum.reduceat(scores, starts)
    centred = scores - (np.add.reduceat(scores, starts) / counts)[owners]
    deviation = np.sqrt(np.add.reduceat(centred * centred, starts) / counts)
    # The mean of equal scores may be off by a rounding, and so may the deviation be from 0.
    return _divided(centred, np.where(low < high, deviation, 0.0)[owners], 0.0)


def pyserini(scores: np.ndarray, starts: np.ndarray, owners: np.ndarray) -> np.ndarray:
    """(score - (min + max) / 2) / (max - min), from -1/2 to 1/2; 0 where all scores are equal.

    Source: pyserini's ``HybridSearcher`` with ``normalization``, which divides by zero there.
    """
    low, high = np.minimum.reduceat(scores, starts), np.maximum.reduceat(scores, starts)
    return _divided(scores - ((low + high) / 2)[owners], (high - low)[owners], 0.0)


def _divided(above: np.ndarray, below: np.ndarray, otherwise: float) -> np.ndarray:
    result = np.full(len(above), otherwise)
    np.divide(above, below, out=result, where=below > 0)
    return result


_SCALES: dict[str, Scale | None] = {
    "none": None,
    "min_max": min_max,
    "z_score": z_score,
    "pyserini": pyserini,
}


class Normaliser:
    """Brings each part's scores of a question to one scale, over those that are there."""

    def __init__(self, name: str) -> None:
        """Look the scale up.

        Raises:
            UserError: there is none of this name.
        """
        self._scale = _SCALES[one_of("fusion.normalize", name, _SCALES)]
        # pyserini takes 0 and 1 for the least and largest score of an empty list.
        self.lowest_of_nothing = -0.5 if name == "pyserini" else 0.0

    def __call__(self, scores: np.ndarray, hits: Hits) -> np.ndarray:
        """The scores on the scale, NaN where they were; (hits,) float64."""
        if self._scale is None or not len(scores):
            return scores
        there = ~np.isnan(scores)
        counts = np.add.reduceat(there, hits.starts, dtype=np.int64)
        counts = counts[counts > 0]
        owners = np.repeat(np.arange(len(counts)), counts)
        result = np.full(len(scores), np.nan)
        # Without the gaps: a part's result is then the same, to the bit, whatever others found.
        result[there] = self._scale(scores[there], counts.cumsum() - counts, owners)
        return result
