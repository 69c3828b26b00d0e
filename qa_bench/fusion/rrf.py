"""Reciprocal rank fusion."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from qa_bench.fusion.weights import Weights
from qa_bench.parts import Part
from qa_bench.settings import number
from qa_bench.store.hits import Hits


class ReciprocalRank(Part):
    """Sum over the parts that found it of weight / (k + rank).

    Source: Cormack, Clarke and Büttcher 2009, Reciprocal Rank Fusion outperforms Condorcet and
    Individual Rank Learning Methods (SIGIR), k = 60, no weights.
    """

    true_scores = False

    def __init__(
        self,
        k: float = 60,
        weights: Mapping[str, float] | None = None,
    ) -> None:
        """Check the settings.

        Args:
            k: how little the first ranks stand out, >= 0.
            weights: part: weight; 1 for a part that is not there.

        Raises:
            UserError: a setting is not what it must be.
        """
        self._k, self._weights = float(number("fusion.k", k, 0)), Weights(weights)

    def fuse(self, hits: Hits) -> np.ndarray:
        """The sum of reciprocal ranks of every hit, float64 of shape (hits,).

        Raises:
            UserError: a weight names no part.
        """
        fused = np.zeros(len(hits))
        for part, weight in self._weights.of(hits.ranks):
            ranks = hits.ranks[part]
            terms = np.zeros(ranks.max(initial=0) + 1)  # there are far fewer ranks than hits
            terms[1:] = weight / (self._k + np.arange(1, len(terms)))
            fused += terms[ranks]
        return fused
