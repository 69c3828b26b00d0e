"""The upper bound: what a reader would reach that answers whenever an answer was retrieved."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from qa_bench.metric.answer_spans import AnswerFinder
from qa_bench.metric.matching import answer_test
from qa_bench.parts import Part
from qa_bench.settings import whole_number
from qa_bench.store.ranked import Ranked
from qa_bench.types import Runtime, Step

_PASSAGES_PER_S = 10_000
"""Measured on passages of 100 words."""


class Oracle(Part):
    """Answers with a gold answer where one of the passages holds one, else not at all.

    Its EM is ``answer_recall`` at its depth: what a perfect reader could reach on this run. Where
    the answers are patterns, it answers with the first text that one matches.
    """

    sees_answers = True
    version = 2

    def __init__(self, depth: int = 100, mode: str = "dpr") -> None:
        """Check the settings.

        Args:
            depth: passages a question it looks at.
            mode: whose rules say that a passage holds an answer, see ``has_answer``.

        Raises:
            UserError: a setting is out of range.
        """
        self.depth, self._mode = whole_number("reader.depth", depth), mode

    def plan(self, questions: int, hits: int, runtime: Runtime) -> Step:
        """At the measured rate."""
        return Step("read", 0, questions * hits / _PASSAGES_PER_S, "0.3 GB")

    def read(self, ranked: Ranked, runtime: Runtime) -> list[str]:
        """A gold answer, or nothing."""
        find = self._pattern if ranked.questions.match == "regex" else self._string
        answers = []
        for question, (_, hits) in zip(ranked.questions, ranked.groups(), strict=True):
            texts = (ranked.texts[hit] for hit in range(hits.start, hits.stop))
            answers.append(find(question.answers, texts, question.qid))
        return answers

    def _string(self, answers: Sequence[str], texts: Iterable[str], qid: str) -> str:
        tests = [(answer, answer_test([answer], "string", self._mode)) for answer in answers]
        return next((answer for text in texts for answer, test in tests if test(text)), "")

    def _pattern(self, answers: Sequence[str], texts: Iterable[str], qid: str) -> str:
        finder = AnswerFinder(answers, "regex", self._mode, qid)
        return next((text[slice(*spans[0])] for text in texts if (spans := finder(text))), "")
