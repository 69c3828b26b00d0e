from __future__ import annotations

import pytest

from qa_bench.dataset.limit import limited, rest
from qa_bench.types import Question

WHOLE = [Question(f"q{number}", "who?", ("a",)) for number in range(10)]


@pytest.mark.parametrize(
    ("limit", "kept"),
    [(1, [0]), (2, [0, 5]), (3, [0, 3, 6]), (4, [0, 2, 5, 7]), (9, [*range(9)])],
)
def test_the_questions_are_spread_over_the_set(limit: int, kept: list[int]):
    questions, told = limited(WHOLE, limit)
    assert [question.qid for question in questions] == [f"q{number}" for number in kept]
    assert told == f"only {limit} of 10 questions, spread evenly"


@pytest.mark.parametrize("limit", [None, 10, 11])
def test_the_whole_set(limit: int | None):
    assert limited(WHOLE, limit) == (tuple(WHOLE), "")


def test_the_rest() -> None:
    some, _ = limited(WHOLE, 3)
    assert [question.qid for question in rest(WHOLE, some)] == [
        "q1",
        "q2",
        "q4",
        "q5",
        "q7",
        "q8",
        "q9",
    ]
    assert rest(WHOLE, WHOLE) == ()
