from __future__ import annotations

from dataclasses import replace

import pytest

from qa_bench.errors import UserError
from qa_bench.metric.answer_recall import AnswerRecall
from qa_bench.metric.evidence import Evidence
from qa_bench.metric.mrr import ReciprocalRank
from qa_bench.types import Heading, Run

TEXTS = ["nothing", "the answer", "filler", "filler", "the answer again"]


@pytest.fixture
def evidence(make_passages, make_questions) -> Evidence:
    """First ranks 2, 0 (no hits), 1, 0 (short run without an answer), 3."""
    passages = make_passages([(f"p{i}", "title", text) for i, text in enumerate(TEXTS)])
    hits = {
        "second": ["p0", "p1", "p4"],
        "none": [],
        "first": ["p4"],
        "short": ["p0"],
        "third": ["p0", "p2", "p1"],
    }
    scores = [[9.0 - place for place in range(len(pids))] for pids in hits.values()]
    run = Run.of(list(hits), list(hits.values()), scores)
    return Evidence(make_questions(dict.fromkeys(hits, ("answer",))), run=run, passages=passages)


def test_one_value_a_question_for_every_k(evidence: Evidence):
    values = AnswerRecall(k=[3, 1, 2, 1]).score(evidence)
    assert {name: column.tolist() for name, column in values.items()} == {
        "answer_recall@1": [0, 0, 1, 0, 0],
        "answer_recall@2": [1, 0, 1, 0, 0],
        "answer_recall@3": [1, 0, 1, 0, 1],
    }
    assert list(values) == ["answer_recall@1", "answer_recall@2", "answer_recall@3"]


def test_all_questions_are_in_the_denominator(evidence: Evidence):
    values = AnswerRecall(k=[3]).score(evidence)
    assert values["answer_recall@3"].mean() == pytest.approx(3 / 5)


def test_nothing_is_said_of_ranks_a_search_was_not_asked_to_reach(evidence: Evidence):
    asked = replace(evidence, searched=3)
    assert list(AnswerRecall(k=[3, 4]).score(asked)) == ["answer_recall@3"]
    assert list(AnswerRecall(k=[3, 4]).score(evidence)) == ["answer_recall@3", "answer_recall@4"]


def test_a_run_may_be_shorter_than_it_was_asked_to_be(evidence: Evidence):
    asked = replace(evidence, searched=100)
    values = AnswerRecall(k=[100, 101]).score(asked)
    assert list(values) == ["answer_recall@100"]
    assert values["answer_recall@100"].tolist() == [1, 0, 1, 0, 1]


def test_a_search_without_any_hit_scores_nothing(make_passages, make_questions):
    passages = make_passages([("p0", "title", "text")])
    questions = make_questions({"q1": ["a"], "q2": ["b"]})
    empty = Run.of(["q1", "q2"], [[], []], [[], []])
    evidence = Evidence(questions, run=empty, passages=passages, searched=5)
    assert AnswerRecall(k=[5]).score(evidence)["answer_recall@5"].tolist() == [0, 0]
    assert ReciprocalRank().score(evidence)["mrr"].tolist() == [0, 0]


def test_the_defaults_are_those_of_the_papers(evidence: Evidence):
    unlimited = replace(evidence, searched=None)
    assert list(AnswerRecall().score(unlimited)) == [f"answer_recall@{k}" for k in (1, 5, 20, 100)]


@pytest.mark.parametrize("k", [[], [0], [5, -1], [True], 5])
def test_a_cut_off_below_one_is_an_error(k: list[int]):
    with pytest.raises(UserError, match=r"metrics\.answer_recall\.k: .* numbers >= 1, got"):
        AnswerRecall(k=k)


def test_reciprocal_ranks(evidence: Evidence):
    values = ReciprocalRank().score(evidence)
    assert values["mrr"].tolist() == pytest.approx([1 / 2, 0, 1, 0, 1 / 3])


def test_without_a_run_there_is_nothing_to_say(make_questions):
    evidence = Evidence(make_questions({"q1": ["a"]}), predictions={"q1": "a"})
    assert AnswerRecall().score(evidence) == {}
    assert ReciprocalRank().score(evidence) == {}


def test_mrr_with_cut_offs(evidence: Evidence):
    """First ranks 2, none, 1, none, 3: at k = 2 the third counts 0."""
    values = ReciprocalRank(k=[2, 3]).score(evidence)
    assert {name: column.tolist() for name, column in values.items()} == {
        "mrr": [1 / 2, 0, 1, 0, 1 / 3],
        "mrr@2": [1 / 2, 0, 1, 0, 0],
        "mrr@3": [1 / 2, 0, 1, 0, 1 / 3],
    }
    assert list(ReciprocalRank(k=[3, 4]).score(replace(evidence, searched=3))) == ["mrr", "mrr@3"]
    assert ReciprocalRank().heading("mrr@10") == Heading("MRR@10", "%")
    with pytest.raises(UserError, match=r"metrics.mrr.k: a list of whole numbers >= 1"):
        ReciprocalRank(k=[0])


def test_mrr_with_a_cut_off_is_trec_evals(evidence: Evidence):
    """``recip_rank`` of the first k hits, as ir_measures' RR@k computes it."""
    ir_measures = pytest.importorskip("ir_measures")
    ranked = {
        qid: dict(zip(pids, (3.0, 2.0, 1.0), strict=False)) for qid, pids in evidence.ranked.items()
    }
    qrels = {question.qid: {"p1": 1, "p4": 1} for question in evidence.questions}
    for k in (1, 2, 3):
        theirs = {
            value.query_id: value.value
            for value in ir_measures.iter_calc([ir_measures.RR @ k], qrels, ranked)
        }
        ours = ReciprocalRank(k=[k]).score(evidence)[f"mrr@{k}"]
        assert [theirs.get(question.qid, 0.0) for question in evidence.questions] == ours.tolist()
