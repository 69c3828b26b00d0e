from __future__ import annotations

from typing import Any

import pytest

from qa_bench.errors import UserError
from qa_bench.reader.redundancy import Redundancy
from qa_bench.store.ranked import Ranked
from qa_bench.types import Question, QuestionSet, Run, Runtime

QUIET = Runtime(progress=False)
PASSAGES = [
    ("p1", "Tower Bridge", "The bridge was opened in 1894 by Anna Holm. It has two towers."),
    ("p2", "Anna Holm", "Anna Holm opened the bridge, said Paul Berg."),
    (
        "p3",
        "Rain",
        "It rained on the bridge on 12 May 1894. But 31 people came to the bridge.",
    ),
    ("p4", "Nothing", "of the and by"),
]


@pytest.fixture
def ranked(make_passages):
    passages = make_passages(PASSAGES)

    def make(*questions: str, pids: tuple[str, ...] = ("p1", "p2", "p3", "p4")) -> Ranked:
        asked = tuple(
            Question(f"q{n}", question, ("unknown",)) for n, question in enumerate(questions)
        )
        several = QuestionSet("set", "test", "string", asked, digest="0")
        run = Run.of(
            [question.qid for question in several],
            [pids] * len(asked),
            [[9.0 - place for place in range(len(pids))]] * len(asked),
        )
        return Ranked.of(run, passages, several, 10)

    return make


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("who opened the bridge?", "Anna Holm"),
        ("In what year did the bridge open?", "1894"),
        ("how many people came to the bridge", "31"),
        ("when did it rain", "12 May 1894"),
    ],
)
def test_the_answer_is_of_the_kind_that_is_asked_for(ranked, question: str, answer: str):
    assert Redundancy().read(ranked(question), QUIET) == [answer]


def test_an_answer_repeats_no_word_of_the_question_and_is_in_a_passage(ranked):
    (answer,) = Redundancy().read(ranked("what has towers?"), QUIET)
    assert answer
    assert "tower" not in answer.lower()
    assert any(answer in text for _, _, text in PASSAGES)


def test_nothing_where_there_is_nothing(ranked):
    assert Redundancy().read(ranked("who?", pids=("p4",)), QUIET) == [""]
    assert Redundancy().read(ranked("who?", "when?", pids=()), QUIET) == ["", ""]


def test_the_same_twice(ranked):
    hits = ranked("who opened the bridge?", "what has towers?")
    assert Redundancy().read(hits, QUIET) == Redundancy().read(hits, QUIET)


@pytest.mark.parametrize(
    "settings", [{"depth": 0}, {"depth": 1.5}, {"words": True}, {"damping": -1}]
)
def test_bad_settings(settings: dict[str, Any]):
    [name] = settings
    with pytest.raises(UserError, match=rf"^reader\.{name}: "):
        Redundancy(**settings)
