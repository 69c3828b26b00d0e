"""Metrics that ask a language model: by heart, and a judge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from qa_bench.errors import UserError
from qa_bench.metric.closed_book import ClosedBook
from qa_bench.metric.evidence import Evidence
from qa_bench.metric.lm_judge import LMJudge, kappa
from qa_bench.parts import Part
from qa_bench.store.ranked import Ranked
from qa_bench.types import Answers, Heading, Prompt, Reply, Runtime

ANSWERS = {"q1": ["Paris"], "q2": ["Rome"], "q3": ["Oslo"], "q4": ["Bern"], "q5": ["Kyiv"]}
GIVEN = {"q1": "Paris", "q2": "in Rome", "q3": "Lima", "q4": " "}


class ByHeart(Part):
    """Knows two answers, and fails once."""

    depth = 0

    def read(self, ranked: Ranked, runtime: Runtime) -> Answers:
        assert len(ranked) == 0
        assert [hits.stop - hits.start for _, hits in ranked.groups()] == [0] * 5
        return Answers(["", "Rome", "Oslo", "Genf", ""], {0: "timed out"})


class Judge(Part):
    """Replies in turn."""

    identity = {"model": "judge-1"}

    def __init__(self, *replies: Reply) -> None:
        self.replies, self.prompts = list(replies), []

    def sources(self) -> dict[str, str]:
        return {"lm": "abc"}

    def generate(self, prompts: Sequence[Prompt], runtime: Runtime) -> list[Reply]:
        self.prompts += prompts
        return self.replies[: len(prompts)]


@pytest.fixture
def evidence(make_questions: Any) -> Evidence:
    return Evidence(make_questions(ANSWERS), predictions=GIVEN)


def test_the_gain_over_what_is_known_by_heart(evidence: Evidence) -> None:
    """Right with passages: q1; by heart: q2 and q3, q1 failed."""
    metric = ClosedBook(ByHeart())
    values = metric.score(evidence)
    assert {name: column.tolist() for name, column in values.items()} == {
        "em_closed_book": [0, 1, 1, 0, 0],
        "closed_book_gain": [1, -1, -1, 0, 0],
    }
    assert evidence.failed == ["q1"]
    assert evidence.remarks == [
        "1 questions failed closed-book and count as wrong there (first: timed out)"
    ]
    assert metric.heading("em_closed_book").title == "EM closed-book"
    assert metric.score(Evidence(evidence.questions)) == {}


def test_a_reader_of_passages_is_no_closed_book() -> None:
    reader = ByHeart()
    reader.depth = 5
    with pytest.raises(UserError, match=r"^metrics.closed_book.reader: a reader that reads no"):
        ClosedBook(reader)


PROMPT = "{question} | {answers} | {prediction}"


def test_a_judge_sees_what_says_something_and_its_agreement_is_told(evidence: Evidence) -> None:
    """EM says yes to q1 alone, the judge to q1 and q2: agreement on 4 of 5.

    By chance: 2/5 · 1/5 + 3/5 · 4/5 = .56; kappa = (.8 - .56) / .44 = .545.
    """
    lm = Judge(
        Reply("Yes.", 10, 1), Reply("<think>no?</think> It is correct.", 20, 5), Reply("No", 10, 1)
    )
    metric = LMJudge(lm, PROMPT)
    values = metric.score(evidence)
    assert lm.prompts == [
        "text of q1 | Paris | Paris", "text of q2 | Rome | in Rome", "text of q3 | Oslo | Lima"
    ]  # fmt: skip
    assert {name: column.tolist() for name, column in values.items()} == {
        "lm_judge": [1, 1, 0, 0, 0],
        "lm_judge_tokens": [11, 25, 11, 0, 0],
    }
    assert evidence.remarks == [
        "lm_judge (judge-1) agrees with EM on 80.00 % of 5 questions (Cohen's kappa 0.55); it took "
        "47 tokens"
    ]
    assert evidence.failed == []
    assert metric.sources() == {"lm": "abc"}
    assert metric.heading("lm_judge_tokens") == Heading("judged with", "tokens")


def test_replies_without_a_verdict_are_told(evidence: Evidence) -> None:
    lm = Judge(Reply("Perhaps"), Reply("", error="HTTP 500"), Reply("incorrect"))
    values = LMJudge(lm, PROMPT).score(evidence)
    assert list(values) == ["lm_judge"], "a server that tells no tokens"
    assert values["lm_judge"].tolist() == [0] * 5
    assert evidence.failed == ["q2"]
    assert evidence.remarks[1] == (
        "lm_judge: 2 of 3 replies say neither yes nor no, of them 1 because asking failed; they "
        "count as no"
    )


def test_a_judge_with_nothing_to_judge(evidence: Evidence) -> None:
    assert LMJudge(Judge(), PROMPT).score(Evidence(evidence.questions)) == {}
    with pytest.raises(UserError, match=r"metrics.lm_judge.prompt has no {answers} in it"):
        LMJudge(Judge(), "{question} {prediction}")


def test_kappa() -> None:
    """Cohen 1960 by hand: 50 pairs, 20 yes-yes, 15 no-no, 5 and 10 apart; p_o .7, p_e .5."""
    first = np.array([1] * 20 + [0] * 15 + [1] * 5 + [0] * 10, dtype=bool)
    second = np.array([1] * 20 + [0] * 15 + [0] * 5 + [1] * 10, dtype=bool)
    assert kappa(first, second) == pytest.approx(0.4)
    assert kappa(first, first) == 1
    assert kappa(np.ones(3, dtype=bool), np.ones(3, dtype=bool)) is None
