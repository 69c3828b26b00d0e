from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from qa_bench.errors import UserError
from qa_bench.metric.evidence import Evidence
from qa_bench.types import Run

PASSAGES = [
    ("p1", "Paris", "The capital of France."),
    ("p2", "Lyon", "A city on the Rhône."),
    ("p3", "Rome", "The capital of Italy since 1871."),
]


def scored(hits: Mapping[str, Sequence[str]]) -> Run:
    scores = [[10.0 - place for place in range(len(pids))] for pids in hits.values()]
    return Run.of(list(hits), list(hits.values()), scores)


@pytest.fixture
def passages(make_passages):
    return make_passages(PASSAGES[:1], PASSAGES[1:])


def test_the_first_passage_with_an_answer_counts(passages, make_questions):
    questions = make_questions(
        {"late": ["Italy"], "first": ["france"], "never": ["Spain"], "either": ["Spain", "city"]}
    )
    run = scored(dict.fromkeys(["late", "first", "never", "either"], ("p1", "p2", "p3")))
    evidence = Evidence(questions, run=run, passages=passages)
    assert evidence.first_ranks.tolist() == [3, 1, 0, 2]
    assert evidence.first_ranks.dtype == "int32"


def test_questions_without_hits_stay(passages, make_questions):
    questions = make_questions({"none": ["France"], "some": ["France"], "other": ["Italy"]})
    run = scored({"none": [], "some": ["p2", "p1"], "other": []})
    assert Evidence(questions, run=run, passages=passages).first_ranks.tolist() == [0, 2, 0]


def test_a_run_without_any_hit(passages, make_questions):
    questions = make_questions({"q1": ["France"], "q2": ["Italy"]})
    run = scored({"q1": [], "q2": []})
    assert Evidence(questions, run=run, passages=passages).first_ranks.tolist() == [0, 0]


def test_hits_are_found_by_question_not_by_place(passages, make_questions):
    questions = make_questions({"q1": ["France"], "q2": ["Italy"]})
    run = scored({"q2": ["p1", "p2", "p3"], "q1": ["p2", "p1"]})
    assert Evidence(questions, run=run, passages=passages).first_ranks.tolist() == [2, 3]


def test_titles_count_in_flashrags_mode_only(passages, make_questions):
    questions = make_questions({"q1": ["Paris"], "q2": ["Rome capital"]})
    run = scored({"q1": ["p2", "p1"], "q2": ["p3"]})
    ranks = {
        mode: Evidence(questions, mode, run, passages).first_ranks.tolist()
        for mode in ("dpr", "drqa", "flashrag", "kilt")
    }
    assert ranks == {"dpr": [0, 0], "drqa": [0, 0], "flashrag": [2, 1], "kilt": [0, 0]}


def test_regex_sets(passages, make_questions):
    questions = make_questions({"year": [r"18\d\d"], "none": ["("], "any": [""]}, "regex")
    run = scored(dict.fromkeys(["year", "none", "any"], ("p1", "p2", "p3")))
    assert Evidence(questions, run=run, passages=passages).first_ranks.tolist() == [3, 0, 1]


def test_a_passage_the_corpus_lacks_is_an_error(passages, make_questions):
    questions = make_questions({"q1": ["France"]})
    run = scored({"q1": ["p1", "p9", "p8"]})
    with pytest.raises(UserError, match="2 of 3 hits name passages that the corpus lacks") as error:
        _ = Evidence(questions, run=run, passages=passages).first_ranks
    assert "first 'p9'" in str(error.value)


def test_without_a_run_there_are_no_ranks(make_questions):
    assert Evidence(make_questions({"q1": ["a"]}), predictions={"q1": "a"}).first_ranks is None
