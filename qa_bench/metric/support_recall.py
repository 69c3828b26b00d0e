"""Recall of all articles that a question takes: for sets whose questions take several."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qa_bench.metric.evidence import Evidence
from qa_bench.parts import Part
from qa_bench.settings import whole_numbers
from qa_bench.types import Heading


class SupportRecall(Part):
    """The share of a question's gold titles among the titles of its first k passages.

    Of one search: systems that search again with what they have read find more. Titles are the same
    where ``qa_bench.text.title_key`` is; one that a question names twice counts once. A question
    without a gold title counts 0.

    Source: Yang et al. 2018, HotpotQA (EMNLP), whose supporting facts are its gold titles.
    """

    def __init__(self, k: Sequence[int] = (2, 5, 10, 20)) -> None:
        """Check the cut-offs.

        Raises:
            UserError: no k, or one below 1.
        """
        self._k = sorted(set(whole_numbers("metrics.support_recall.k", k)))

    def heading(self, column: str) -> Heading:
        """What is recalled."""
        return Heading(f"support R@{column.partition('@')[2]}")

    def score(self, evidence: Evidence) -> dict[str, np.ndarray]:
        """``support_recall@k``: from 0 to 1 a question; nothing where the set tells no titles.

        There is no column for a k that the search was not asked to reach.
        """
        ranks = evidence.title_ranks
        if ranks is None:
            return {}
        return {
            f"support_recall@{k}": np.array(
                [sum(0 < r <= k for r in several) / max(len(several), 1) for several in ranks]
            )
            for k in self._k
            if evidence.searched is None or k <= evidence.searched
        }
