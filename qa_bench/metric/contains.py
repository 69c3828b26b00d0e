"""Whether predictions contain an answer."""

from __future__ import annotations

import numpy as np

from qa_bench.metric.evidence import Evidence
from qa_bench.metric.matching import contains_answer
from qa_bench.parts import Part
from qa_bench.types import Heading


class Contains(Part):
    """1 where the prediction contains an answer, as a passage would by the mode's rules.

    Made for generated answers, which are sentences. A long prediction has it easier: it is no exact
    match, and says nothing of what else the prediction holds. In mode flashrag it is FlashRAG's
    "acc" (``Sub_ExactMatch``). A question without a prediction counts 0.
    """

    def heading(self, column: str) -> Heading:
        """As it is called."""
        return Heading("contains")

    def score(self, evidence: Evidence) -> dict[str, np.ndarray]:
        """``contains``: 0 or 1 a question."""
        predictions, questions = evidence.predictions, evidence.questions
        if predictions is None or questions.qrels is not None:
            return {}
        values = [
            qid in predictions
            and contains_answer(
                predictions[qid], answers, questions.match, evidence.mode, question=qid
            )
            for qid, _, answers in questions
        ]
        return {"contains": np.array(values, dtype=np.float64)}
