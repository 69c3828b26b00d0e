"""What a reader makes of what it is given."""

from __future__ import annotations

import numpy as np

from qa_bench.metric.evidence import Evidence
from qa_bench.parts import Part
from qa_bench.types import Heading


class Reading(Part):
    """Whose fault a wrong answer is, and which right one the passages do not explain.

    Retrieved is a question with an answer in one of the passages its reader looks at, read one that
    is answered right.
    """

    version = 2

    def heading(self, column: str) -> Heading:
        """In words."""
        return Heading(column.replace("_not_", ", not ").replace("_", " "))

    def score(self, evidence: Evidence) -> dict[str, np.ndarray]:
        """``retrieved_not_read`` and ``read_not_retrieved``: 0 or 1 a question."""
        first, read = evidence.first_ranks, evidence.right
        if first is None or read is None or evidence.read is None:
            return {}
        retrieved = (first > 0) & (first <= evidence.read)
        return {
            "retrieved_not_read": (retrieved & ~read).astype(np.float64),
            "read_not_retrieved": (read & ~retrieved).astype(np.float64),
        }
