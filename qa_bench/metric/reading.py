"""What a reader makes of what it is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from qa_bench.metric.em import ExactMatch
from qa_bench.metric.evidence import Evidence


class Reading:
    """Whose fault a wrong answer is, and which right one the passages do not explain.

    Retrieved is a question with an answer in one of the passages its reader looks at, read one that
    is answered right.
    """

    def __init__(self, about: Mapping[str, Any] | None = None) -> None:
        """No settings."""
        self._right = ExactMatch()

    def score(self, evidence: Evidence) -> dict[str, np.ndarray]:
        """``retrieved_not_read`` and ``read_not_retrieved``: 0 or 1 a question."""
        first, right = evidence.first_ranks, self._right.score(evidence)
        if first is None or evidence.read is None or not right:
            return {}
        retrieved, read = (first > 0) & (first <= evidence.read), right["em"] > 0
        return {
            "retrieved_not_read": (retrieved & ~read).astype(np.float64),
            "read_not_retrieved": (read & ~retrieved).astype(np.float64),
        }
