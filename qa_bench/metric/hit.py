"""Hits of titles: whether an article that answers was retrieved, whatever the passage says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qa_bench.metric.evidence import Evidence
from qa_bench.parts import Part
from qa_bench.settings import whole_numbers
from qa_bench.types import Heading


class TitleHit(Part):
    """1 where one of a question's gold titles is the title of one of its first k passages.

    Source: Tang et al. 2024, Self-Retrieval (NeurIPS), Hits@k, for titles. Titles are the same
    where ``qa_bench.text.title_key`` is. A question without a gold title counts 0.
    """

    def __init__(self, k: Sequence[int] = (1, 5, 20)) -> None:
        """Check the cut-offs.

        Raises:
            UserError: no k, or one below 1.
        """
        self._k = sorted(set(whole_numbers("metrics.hit.k", k)))

    def heading(self, column: str) -> Heading:
        """What hits."""
        return Heading(f"title hit@{column.partition('@')[2]}")

    def score(self, evidence: Evidence) -> dict[str, np.ndarray]:
        """``hit@k``: 0 or 1 a question; nothing where the set tells no titles.

        There is no column for a k that the search was not asked to reach.
        """
        ranks = evidence.title_ranks
        if ranks is None:
            return {}
        first = np.array([min((r for r in several if r), default=0) for several in ranks])
        return {
            f"hit@{k}": ((first > 0) & (first <= k)).astype(np.float64)
            for k in self._k
            if evidence.searched is None or k <= evidence.searched
        }
