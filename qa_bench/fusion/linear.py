"""The weighted sum of true scores: DPR's hybrid."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from qa_bench.errors import UserError
from qa_bench.fusion.normalise import Normaliser
from qa_bench.fusion.weights import Weights
from qa_bench.parts import Part
from qa_bench.store.hits import Hits


class Linear(Part):
    """Sum over the parts of weight · score, every part's score known for every hit.

    Source: Karpukhin et al. 2020, Dense Passage Retrieval (EMNLP), section 5.1: BM25(q, p) + 1.1 ·
    sim(q, p) over the union of the two lists of 2,000 passages.
    """

    true_scores = True

    def __init__(
        self,
        weights: Mapping[str, float] | None = None,
        normalize: str = "none",
    ) -> None:
        """Check the settings.

        Args:
            weights: part: weight; 1 for a part that is not there.
            normalize: none, min_max, z_score or pyserini, over all hits of a question.

        Raises:
            UserError: a setting is not what it must be.
        """
        self._weights, self._normalise = Weights(weights), Normaliser(normalize)

    def fuse(self, hits: Hits) -> np.ndarray:
        """The weighted sum of every hit, float64 of shape (hits,).

        Raises:
            UserError: a weight names no part, or a part lacks a score.
        """
        fused = np.zeros(len(hits))
        for part, weight in self._weights.of(hits.scores):
            scores = hits.scores[part]
            if lacking := int(np.isnan(scores).sum()):
                raise UserError(
                    f"fusion linear needs every score: {part} has none for {lacking} of "
                    f"{len(hits)} hits; fusion interpolation can do without"
                )
            fused += weight * self._normalise(scores, hits)
        return fused
