"""CombMNZ: the sum of normalised scores, times how many parts found the passage."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from qa_bench.fusion.normalise import Normaliser
from qa_bench.fusion.weights import Weights
from qa_bench.parts import Part
from qa_bench.store.hits import Hits


class CombMnz(Part):
    """CombSUM · number of parts that found the passage, whatever their weights and scores.

    Source: Fox and Shaw 1994, Combination of Multiple Searches (TREC-2), who multiply by the number
    of scores that are not zero; min-max as Lee 1997 has it. The last hit of a list is 0 then, but
    it was found, so it counts.
    """

    true_scores = False

    def __init__(
        self,
        weights: Mapping[str, float] | None = None,
        normalize: str = "min_max",
    ) -> None:
        """Check the settings.

        Args:
            weights: part: weight; 1 for a part that is not there.
            normalize: none, min_max, z_score or pyserini, over a part's hits of a question.

        Raises:
            UserError: a setting is not what it must be.
        """
        self._weights, self._normalise = Weights(weights), Normaliser(normalize)

    def fuse(self, hits: Hits) -> np.ndarray:
        """The multiplied sum of every hit, float64 of shape (hits,).

        Raises:
            UserError: a weight names no part.
        """
        fused, parts = np.zeros(len(hits)), np.zeros(len(hits))
        for part, weight in self._weights.of(hits.scores):
            scores = self._normalise(hits.scores[part], hits)
            fused += weight * np.where(np.isnan(scores), 0.0, scores)
            parts += hits.ranks[part] > 0
        return fused * parts
