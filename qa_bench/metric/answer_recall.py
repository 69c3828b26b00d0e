"""Answer recall at k: the share of questions with an answer in their first k passages."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qa_bench.metric.evidence import Evidence
from qa_bench.parts import Part
from qa_bench.settings import whole_numbers
from qa_bench.types import Heading


class AnswerRecall(Part):
    """DPR's top-k retrieval accuracy (Karpukhin et al. 2020, section 5), for any list of k."""

    def __init__(self, k: Sequence[int] = (1, 5, 20, 100)) -> None:
        """Check the cut-offs.

        Raises:
            UserError: no k, or one below 1.
        """
        self._k = sorted(set(whole_numbers("metrics.answer_recall.k", k)))

    def heading(self, column: str) -> Heading:
        """Top-k, as DPR has it."""
        return Heading(f"Top-{column.partition('@')[2]}")

    def score(self, evidence: Evidence) -> dict[str, np.ndarray]:
        """``answer_recall@k``: 1 where the first rank with an answer is at most k.

        There is no column for a k that the search was not asked to reach.
        """
        first = evidence.first_ranks
        if first is None:
            return {}
        return {
            f"answer_recall@{k}": ((first > 0) & (first <= k)).astype(np.float64)
            for k in self._k
            if evidence.searched is None or k <= evidence.searched
        }
