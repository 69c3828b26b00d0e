"""Mean reciprocal rank of the first passage with an answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qa_bench.metric.evidence import Evidence
from qa_bench.parts import Part
from qa_bench.settings import whole_numbers


class ReciprocalRank(Part):
    """1 / rank of the first passage that holds an answer, 0 where none does (Voorhees 1999)."""

    def __init__(self, k: Sequence[int] = ()) -> None:
        """Check the cut-offs.

        Args:
            k: beside the run's depth; ``mrr@k`` counts 0 where the rank is beyond k.

        Raises:
            UserError: one is below 1.
        """
        self._k = sorted(set(whole_numbers("metrics.mrr.k", k))) if k != () and k != [] else []

    def score(self, evidence: Evidence) -> dict[str, np.ndarray]:
        """``mrr``: reciprocal ranks down to the run's depth; ``mrr@k``: down to k.

        There is no column for a k that the search was not asked to reach.
        """
        first = evidence.first_ranks
        if first is None:
            return {}
        values = np.divide(1.0, first, out=np.zeros(len(first)), where=first > 0)
        return {"mrr": values} | {
            f"mrr@{k}": np.where(first <= k, values, 0.0)
            for k in self._k
            if evidence.searched is None or k <= evidence.searched
        }
