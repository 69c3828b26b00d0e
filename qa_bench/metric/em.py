"""Exact match of predictions."""

from __future__ import annotations

import numpy as np

from qa_bench.metric.evidence import Evidence
from qa_bench.parts import Part


class ExactMatch(Part):
    """1 where the prediction is one of the answers after SQuAD normalisation, or matches a pattern.

    A question without a prediction counts as wrong.
    """

    version = 2

    def score(self, evidence: Evidence) -> dict[str, np.ndarray]:
        """``em``: 0 or 1 a question."""
        right = evidence.right
        return {} if right is None else {"em": right.astype(np.float64)}
