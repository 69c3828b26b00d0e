"""Which questions of a set can be trained on: rules, answers in the hits, and the positive."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from qa_bench.errors import UserError
from qa_bench.metric.string_tests import Test
from qa_bench.runtime.progress import progress
from qa_bench.store.passages import Passages
from qa_bench.store.runs import rows_of
from qa_bench.train.golds import GoldPassages
from qa_bench.train.rules import DISCARD, DISCARD_DEPTH, OF_QUESTIONS
from qa_bench.types import Question, QuestionSet, Run, Runtime

QUESTIONS = 512
"""Questions whose passages are looked up at once."""


class Ranking:
    """The hits of a run: rows of passages, and scores, question by question."""

    def __init__(self, run: Run, passages: Passages) -> None:
        """Look up the hits' passages.

        Raises:
            UserError: the run names passages the corpus lacks.
        """
        self.rows: np.ndarray = rows_of(run, passages).astype(np.int64)
        self.scores: np.ndarray = run.table.column("score").to_numpy().astype(np.float32)
        self._slices: Mapping[str, slice] = run.slices()

    def of(self, question: Question) -> slice:
        """Where a question's hits are, best first."""
        return self._slices.get(question.qid, slice(0, 0))


class Judged(NamedTuple):
    """A question that can be trained on.

    Attributes:
        place: in the set.
        question: the question, with the answers that the rules leave it.
        hits: where its hits are.
        holds: which of them hold an answer; (hits,) bool.
        positive: row of the passage to learn.
        gold: whether that is a gold passage.
    """

    place: int
    question: Question
    hits: slice
    holds: np.ndarray
    positive: int
    gold: bool


class Judge:
    """Looks at questions and their hits; counts those that are left out, and why."""

    def __init__(
        self,
        ranking: Ranking,
        passages: Passages,
        golds: GoldPassages | None,
        rules: Sequence[str],
        test: Callable[[Question], Test],
        counts: dict[str, int],
        titles: bool = True,
    ) -> None:
        """Keep what is needed.

        Args:
            ranking: the hits.
            passages: the corpus.
            golds: finds gold passages; None where no gold paragraph is known.
            rules: names of ``rules.RULES``.
            test: makes the test whether a passage holds an answer of a question.
            counts: a count by each rule's name, and ``without_positive``.
            titles: whether the tests look into titles.
        """
        self._titles = titles
        self._ranking, self._passages, self._golds = ranking, passages, golds
        self._rules, self._test, self._counts = rules, test, counts

    def judged(self, questions: QuestionSet, runtime: Runtime) -> list[Judged]:
        """Those that can be trained on, in the set's order.

        Raises:
            UserError: there is none.
        """
        judged: list[Judged] = []
        with progress(len(questions), "mine", "questions", runtime) as bar:
            for block in blocks(len(questions)):
                slices = [self._ranking.of(questions.questions[place]) for place in block]
                rows = self._ranking.rows[places(slices)]
                titles = self._passages.titles(rows) if self._titles else [""] * len(rows)
                pairs = zip(self._passages.texts(rows), titles, strict=True)
                for place, hits in zip(block, slices, strict=True):
                    some = [next(pairs) for _ in range(hits.start, hits.stop)]
                    one = self._judge(place, questions.questions[place], hits, some)
                    judged += [one] if one is not None else []
                bar.update(len(block))
        if not judged:
            raise UserError(self._nothing(len(questions)))
        return judged

    def _judge(
        self, place: int, whole: Question, hits: slice, pairs: list[tuple[str, str]]
    ) -> Judged | None:
        question: Question | None = whole
        for rule in self._rules:
            if rule in OF_QUESTIONS and question is not None:
                question = OF_QUESTIONS[rule](question)
                self._counts[rule] += question is None
        if question is None:
            return None
        test = self._test(question)
        holds = np.fromiter((test(*pair) for pair in pairs), dtype=bool, count=len(pairs))
        if DISCARD in self._rules and not holds[:DISCARD_DEPTH].any():
            self._counts[DISCARD] += 1
            return None
        if self._golds is not None:
            row = self._golds.row(question, test)
            return None if row is None else Judged(place, question, hits, holds, row, gold=True)
        if not holds.any():
            self._counts["without_positive"] += 1
            return None
        row = int(self._ranking.rows[hits.start + int(holds.argmax())])
        return Judged(place, question, hits, holds, row, gold=False)

    def _nothing(self, questions: int) -> str:
        reasons = ("gold_unknown", "gold_not_found", "without_positive", *self._rules)
        why = [f"{self._counts[name]} {name}" for name in reasons if self._counts[name]]
        return (
            f"mine: none of {questions} questions has a passage to learn from ({', '.join(why)}): "
            "were they asked of this corpus, and does depth= go deep enough?"
        )


def blocks(count: int) -> Iterator[range]:
    """The numbers below ``count``, some at a time."""
    for first in range(0, count, QUESTIONS):
        yield range(first, min(first + QUESTIONS, count))


def places(slices: Sequence[slice]) -> np.ndarray:
    """The places that slices cover, one after the other; int64."""
    return np.concatenate(
        [np.zeros(0, np.int64), *(np.arange(hits.start, hits.stop) for hits in slices)]
    )
