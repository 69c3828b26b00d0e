"""Whether a prediction says that there is no answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qa_bench.metric.evidence import Evidence
from qa_bench.parts import Part
from qa_bench.settings import strings
from qa_bench.text import squad_normalize
from qa_bench.types import Heading


class Abstained(Part):
    """1 where a prediction is empty, is one of ``words``, or begins with one of ``phrases``.

    All after SQuAD's normalisation. A right prediction is no abstention, whatever it says; neither
    is a question without a prediction, such as one that a language model could not be asked.
    """

    def __init__(self, words: Sequence[str], phrases: Sequence[str]) -> None:
        """Check the settings.

        Args:
            words: whole predictions: "unknown".
            phrases: beginnings, to a word's end: "I do not know".

        Raises:
            UserError: one is no text, or nothing is left of it.
        """
        self._words = {squad_normalize(one) for one in strings("metrics.abstained.words", words)}
        several = strings("metrics.abstained.phrases", phrases)
        self._phrases = [f"{squad_normalize(one)} " for one in several if squad_normalize(one)]

    def heading(self, column: str) -> Heading:
        """As it is called."""
        return Heading("abstained")

    def score(self, evidence: Evidence) -> dict[str, np.ndarray]:
        """``abstained``: 0 or 1 a question."""
        predictions, right = evidence.predictions, evidence.right
        if predictions is None or right is None:
            return {}
        says = [
            qid in predictions and self._says_nothing(predictions[qid])
            for qid, _, _ in evidence.questions
        ]
        return {"abstained": (np.array(says, dtype=bool) & ~right).astype(np.float64)}

    def _says_nothing(self, prediction: str) -> bool:
        text = squad_normalize(prediction)
        begins = any(f"{text} ".startswith(phrase) for phrase in self._phrases)
        return not text or text in self._words or begins
