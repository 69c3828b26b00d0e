"""Expanders: which searches they make of questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from qa_bench.errors import UserError
from qa_bench.expander.gar import Gar
from qa_bench.expander.hyde import Hyde
from qa_bench.expander.multi_query import MultiQuery
from qa_bench.parts import Part
from qa_bench.protocols import Expander
from qa_bench.types import QuestionSet, Reply, Runtime, Search

QUIET = Runtime(progress=False)


class Model(Part):
    """Replies with prompt and how often it was asked before; a reply of None fails."""

    def __init__(self, reply: Callable[[str, int], str | None]) -> None:
        self.reply = reply

    def generate(self, prompts: Sequence[str], runtime: Runtime) -> list[Reply]:
        replies = []
        for place, prompt in enumerate(prompts):
            text = self.reply(prompt, prompts[:place].count(prompt))
            replies.append(Reply("", error="status 500") if text is None else Reply(text))
        return replies


@pytest.fixture
def questions(make_questions: Any) -> QuestionSet:
    made: QuestionSet = make_questions({"q1": ["a"], "q2": ["b"]})
    return made


def test_hyde(questions: QuestionSet) -> None:
    lm = Model(lambda prompt, n: "" if n == 1 and "q2" in prompt else f"{prompt}\n #{n}")
    expander = Hyde(lm, "Write: {question}", count=3)
    assert isinstance(expander, Expander)
    assert expander.expand(questions, QUIET) == {
        "hyde": Search(
            ("text of q1", "text of q2"),
            (
                ("Write: text of q1 #0", "Write: text of q1 #1", "Write: text of q1 #2"),
                ("Write: text of q2 #0", "Write: text of q2 #2"),
            ),
        )
    }


def test_gar(questions: QuestionSet) -> None:
    lm = Model(lambda prompt, n: "" if prompt == "T: text of q2" else f"<{prompt}>")
    expander = Gar(lm, {"answer": "A: {question}", "title": "T: {question}"})
    assert isinstance(expander, Expander)
    assert expander.expand(questions, QUIET) == {
        "answer": Search(("text of q1 <A: text of q1>", "text of q2 <A: text of q2>")),
        "title": Search(("text of q1 <T: text of q1>", "text of q2")),
    }


def test_multi_query(questions: QuestionSet) -> None:
    wordings = ['1. "How so?"', "", "- 3 of them"]
    expander = MultiQuery(Model(lambda prompt, n: wordings[n]), "{question}", count=3)
    assert isinstance(expander, Expander)
    assert expander.expand(questions, QUIET) == {
        "question": Search(("text of q1", "text of q2")),
        "wording_1": Search(("How so?", "How so?")),
        "wording_2": Search(("text of q1", "text of q2")),
        "wording_3": Search(("3 of them", "3 of them")),
    }


@pytest.mark.parametrize(
    "make",
    [
        lambda lm: Hyde(lm, "{question}", count=2),
        lambda lm: Gar(lm, {"answer": "A {question}", "title": "T {question}"}),
        lambda lm: MultiQuery(lm, "{question}", count=2),
    ],
)
def test_a_failed_question_ends_it(make: Any, questions: QuestionSet) -> None:
    lm = Model(lambda prompt, n: None if "q2" in prompt else "x")
    with pytest.raises(UserError, match=r"1 of 2 questions failed \(status 500\): q2; .* again"):
        make(lm).expand(questions, QUIET)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda lm: Hyde(None, "{question}"), r"expander\.lm"),  # type: ignore[arg-type]
        (lambda lm: Hyde(lm, "question"), r"expander\.prompt"),
        (lambda lm: Hyde(lm, "{question}", count=0), r"expander\.count"),
        (lambda lm: Hyde(lm, "{question}", count=True), r"expander\.count: .* got 'true'"),
        (lambda lm: Gar(lm, {}), r"expander\.prompts"),
        (lambda lm: Gar(lm, {"answer": "x"}), r"expander\.prompt"),
        (lambda lm: MultiQuery(lm, "{question}", count=0), r"expander\.count"),
    ],
)
def test_settings(make: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        make(Model(lambda prompt, n: "x"))
