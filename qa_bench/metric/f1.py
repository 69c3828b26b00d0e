"""Token F1 of predictions."""

from __future__ import annotations

import numpy as np

from qa_bench.metric.evidence import Evidence
from qa_bench.metric.matching import f1_score
from qa_bench.parts import Part


class TokenF1(Part):
    """Best token overlap with an answer (SQuAD 1.1). Patterns have no tokens: no regex sets.

    A question without a prediction counts 0.
    """

    version = 2

    def score(self, evidence: Evidence) -> dict[str, np.ndarray]:
        """``f1``: between 0 and 1 a question."""
        predictions = evidence.predictions
        if predictions is None or evidence.questions.match != "string":
            return {}
        values = [
            f1_score(predictions[qid], answers, evidence.mode) if qid in predictions else 0.0
            for qid, _, answers in evidence.questions
        ]
        return {"f1": np.array(values, dtype=np.float64)}
