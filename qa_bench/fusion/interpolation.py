"""The weighted sum of the scores that were found: pyserini's hybrid."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from qa_bench.fusion.normalise import Normaliser
from qa_bench.fusion.weights import Weights
from qa_bench.parts import Part
from qa_bench.settings import one_of
from qa_bench.store.hits import Hits


class Interpolation(Part):
    """Sum over the parts of weight · score, a stand-in for a score that is missing.

    ``minimum`` takes the least score of that part's list for the question (0 if it is empty):
    pyserini's ``HybridSearcher``, dense + alpha · sparse, which is alpha as the sparse part's
    weight. ``zero`` takes 0: pyserini.fusion's ``interpolation``, alpha · first + (1 - alpha) ·
    second.

    Source: pyserini 1.6, ``search/hybrid/_searcher.py`` and ``fusion/_base.py``; Ma et al. 2021, A
    Replication Study of Dense Passage Retriever.
    """

    true_scores = False

    def __init__(
        self,
        weights: Mapping[str, float] | None = None,
        missing: str = "minimum",
        normalize: str = "none",
    ) -> None:
        """Check the settings.

        Args:
            weights: part: weight; 1 for a part that is not there.
            missing: minimum or zero, both after normalisation.
            normalize: none, min_max, z_score or pyserini, over a part's hits of a question.

        Raises:
            UserError: a setting is not what it must be.
        """
        self._missing = one_of("fusion.missing", missing, ("minimum", "zero"))
        self._weights, self._normalise = Weights(weights), Normaliser(normalize)

    def fuse(self, hits: Hits) -> np.ndarray:
        """The weighted sum of every hit, float64 of shape (hits,).

        Raises:
            UserError: a weight names no part.
        """
        fused = np.zeros(len(hits))
        for part, weight in self._weights.of(hits.scores):
            scores = self._normalise(hits.scores[part], hits)
            fused += weight * np.where(np.isnan(scores), self._stand_in(scores, hits), scores)
        return fused

    def _stand_in(self, scores: np.ndarray, hits: Hits) -> np.ndarray | float:
        """What a missing score counts as; for every hit."""
        if self._missing == "zero" or not len(scores):
            return 0.0
        low = np.fmin.reduceat(scores, hits.starts)
        low[np.isnan(low)] = self._normalise.lowest_of_nothing
        return np.repeat(low, hits.counts)
