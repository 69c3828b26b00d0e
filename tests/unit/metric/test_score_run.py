from __future__ import annotations

import pytest

from qa_bench import score_run
from qa_bench.errors import UserError

QUESTIONS = {"q1": ["Paris"], "q2": ["Rome"], "q3": ["Oslo"], "q4": ["Bern"]}


def test_recall_and_mrr_over_all_questions():
    run = {
        "q1": ["no", "In Paris.", "Paris"],
        "q2": ["ROME"],
        "q3": ["no", "nothing", "neither"],
    }
    assert score_run(QUESTIONS, run, k=[2, 1]) == {
        "answer_recall@1": 1 / 4,
        "answer_recall@2": 2 / 4,
        "mrr": (1 / 2 + 1) / 4,
    }


def test_an_empty_run_scores_nothing():
    assert score_run(QUESTIONS, {}, k=[1]) == {"answer_recall@1": 0.0, "mrr": 0.0}


def test_pairs_are_title_and_text():
    run = {"q1": [("Paris", "It is a city.")], "q2": [("x", "in Rome")]}
    assert score_run(QUESTIONS, run, k=[1])["answer_recall@1"] == 1 / 4
    assert score_run(QUESTIONS, run, k=[1], mode="flashrag")["answer_recall@1"] == 2 / 4


def test_passages_may_come_one_by_one():
    run = {"q1": iter(["no", "Paris"])}
    assert score_run(QUESTIONS, run, k=[5])["answer_recall@5"] == 1 / 4


def test_patterns():
    questions = {"q1": [r"19\d\d"], "q2": ["("]}
    assert score_run(questions, {"q1": ["in 1984"], "q2": ["("]}, k=[1], match="regex") == {
        "answer_recall@1": 0.5,
        "mrr": 0.5,
    }


def test_the_defaults_are_those_of_the_papers():
    assert list(score_run(QUESTIONS, {})) == [
        *(f"answer_recall@{k}" for k in (1, 5, 20, 100)),
        "mrr",
    ]


@pytest.mark.parametrize(
    ("questions", "run", "options", "message"),
    [
        ({}, {}, {}, "no questions"),
        ({"q1": []}, {}, {}, "at least one gold answer"),
        (QUESTIONS, {"q9": ["text"]}, {}, "not in the set: 'q9'"),
        (QUESTIONS, {}, {"mode": "x"}, "match mode 'x' is unknown"),
        (QUESTIONS, {}, {"match": "x"}, "match 'x' is unknown"),
        (QUESTIONS, {}, {"k": [0]}, ">= 1"),
    ],
)
def test_what_is_refused(questions, run, options, message: str):
    with pytest.raises(UserError, match=message):
        score_run(questions, run, **options)


@pytest.mark.parametrize(
    ("questions", "run"), [({"q1": "Paris"}, {}), ({"q1": ["Paris"]}, {"q1": "in Paris"})]
)
def test_a_bare_string_where_a_list_belongs_is_refused(questions, run):
    with pytest.raises(UserError):
        score_run(questions, run)
