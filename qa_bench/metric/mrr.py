"""Mean reciprocal rank of the first passage with an answer."""

from __future__ import annotations

import numpy as np

from qa_bench.metric.evidence import Evidence
from qa_bench.parts import Part


class ReciprocalRank(Part):
    """1 / rank of the first passage that holds an answer, 0 where none does (Voorhees 1999)."""

    def score(self, evidence: Evidence) -> dict[str, np.ndarray]:
        """``mrr``: reciprocal ranks down to the run's depth."""
        first = evidence.first_ranks
        if first is None:
            return {}
        return {"mrr": np.divide(1.0, first, out=np.zeros(len(first)), where=first > 0)}
