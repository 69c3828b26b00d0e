"""Whether an answer stands in the passages that it cites."""

from __future__ import annotations

import numpy as np

from qa_bench.metric.evidence import Evidence
from qa_bench.metric.matching import has_answer
from qa_bench.parts import Part
from qa_bench.types import Heading


class CitedContains(Part):
    """1 where one of the passages that an answer cites holds the answer that was predicted.

    By the rules of the mode, the prediction being the answer that is looked for, as a string: so it
    tells whether a citation supports what is said, right or wrong. An answer without a citation,
    or with those of passages that were not given, counts 0; so does an empty one.
    """

    def heading(self, column: str) -> Heading:
        """In words."""
        return Heading("in a cited passage" if column == "cited_contains" else "cites")

    def score(self, evidence: Evidence) -> dict[str, np.ndarray]:
        """``cites``: 1 where an answer cites a passage; ``cited_contains``: and stands in one.

        Nothing where no answer cites: only ``reader=generative_cited`` and its like ask for it.
        """
        cited, rows, passages = evidence.cited, evidence.rows, evidence.passages
        predictions, run = evidence.predictions, evidence.run
        if not cited or rows is None or passages is None or run is None or predictions is None:
            return {}
        slices = run.slices()
        values = np.zeros(len(evidence.questions))
        for number, (qid, _, _) in enumerate(evidence.questions):
            hits, prediction = slices.get(qid, slice(0, 0)), predictions.get(qid, "")
            places = [hits.start + rank - 1 for rank in cited.get(qid, ())]
            mine = rows[[place for place in places if place < hits.stop]]
            pairs = zip(passages.texts(mine), passages.titles(mine), strict=True)
            values[number] = bool(prediction.strip()) and any(
                has_answer(text, [prediction], mode=evidence.mode, title=title)
                for text, title in pairs
            )
        cites = [bool(cited.get(question.qid)) for question in evidence.questions]
        return {"cites": np.array(cites, dtype=np.float64), "cited_contains": values}
