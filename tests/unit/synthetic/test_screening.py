"""Each filter can drop a question, and each can let it stay."""

from __future__ import annotations

from typing import Any

import pytest

from qa_bench.errors import UserError
from qa_bench.synthetic.proposals import Proposal
from qa_bench.synthetic.screening import (
    IN_QUESTION,
    NEARLY_SAME,
    NOT_IN_PASSAGE,
    NOT_STANDALONE,
    SAME,
    TOO_LONG,
    screen,
)

TEXT = "The swing bridge was designed by Clara Holm, a young engineer, and opened in 1931."


def proposed(question: str, answer: str, problem: str | None = None) -> Proposal:
    return Proposal(0, "p", "Swing bridge", "a", question, answer, problem)


def reasons(*several: Proposal, **settings: Any) -> list[str]:
    texts = [TEXT] * len(several)
    common = {"mode": "dpr", "answer_words": 5, "near": 0.8} | settings
    return screen(several, texts, **common).reasons


@pytest.mark.parametrize(
    ("question", "answer", "reason"),
    [
        ("Who designed the swing bridge?", "Clara Holm", ""),
        ("Who designed the swing bridge?", "clara holm,", ""),
        ("Who designed the swing bridge?", "Clara Lund", NOT_IN_PASSAGE),
        ("Who designed the swing bridge?", "Holm Clara", NOT_IN_PASSAGE),
        ("Who designed the swing bridge?", "?!", NOT_IN_PASSAGE),
        ("Who designed the swing bridge?", " ", NOT_IN_PASSAGE),
        ("Who designed the swing bridge, Clara Holm or another?", "Clara Holm", IN_QUESTION),
        ("What was Clara Holm?", "a young engineer", ""),
        ("What was done?", "was designed by Clara Holm, a", TOO_LONG),
        ("When was it opened?", "1931", NOT_STANDALONE),
    ],
)
def test_a_question_alone(question: str, answer: str, reason: str) -> None:
    assert reasons(proposed(question, answer)) == [reason]


def test_the_mode_decides() -> None:
    one = proposed("Who designed the swing bridge?", "lara Hol")
    assert reasons(one) == [NOT_IN_PASSAGE]
    assert reasons(one, mode="kilt") == [""]
    with pytest.raises(UserError, match="match mode 'none' is unknown"):
        reasons(one, mode="none")


def test_longer_answers_may_be_wanted() -> None:
    one = proposed("What was done?", "was designed by Clara Holm, a")
    assert reasons(one, answer_words=7) == [""]
    assert reasons(one, answer_words=6) == [TOO_LONG]


def test_duplicates_are_looked_for_among_those_that_are_left() -> None:
    first = "Who was the designer of the old swing bridge over the harbour of Oslo?"
    several = [
        proposed(first, "nobody"),
        proposed(first, "Clara Holm"),
        proposed(first.upper(), "Holm"),
        proposed(first.replace("designer", "designers"), "Clara"),
        proposed("", "", "no reply"),
    ]
    assert reasons(*several) == [NOT_IN_PASSAGE, "", SAME, NEARLY_SAME, "no reply"]
    assert reasons(*several, near=1) == [NOT_IN_PASSAGE, "", SAME, "", "no reply"]


def test_what_each_filter_would_drop_by_itself() -> None:
    several = [
        proposed("When was it opened in 1931?", "1931"),
        proposed("When did he open it?", "1932"),
        proposed("", "", "reply not understood"),
    ]
    made = screen(several, [TEXT] * 3, "dpr", 5, 0.8)
    assert made.reasons == [IN_QUESTION, NOT_IN_PASSAGE, "reply not understood"]
    assert made.alone == {NOT_IN_PASSAGE: 1, IN_QUESTION: 1, TOO_LONG: 0, NOT_STANDALONE: 2}
    assert made.places == []
