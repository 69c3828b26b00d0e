"""nDCG and its kin: by hand, against pytrec_eval, and where people trip over trec_eval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log2
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_bench.errors import UserError
from qa_bench.metric.answer_recall import AnswerRecall
from qa_bench.metric.em import ExactMatch
from qa_bench.metric.evidence import Evidence
from qa_bench.metric.f1 import TokenF1
from qa_bench.metric.mrr import ReciprocalRank
from qa_bench.metric.relevance import Relevance
from qa_bench.types import Question, QuestionSet, Run

pytest.importorskip("ir_measures")
pytrec_eval = pytest.importorskip("pytrec_eval")

Grades = Mapping[str, Mapping[str, int]]


def judged(qrels: Grades) -> QuestionSet:
    questions = tuple(Question(qid, f"text of {qid}", ()) for qid in qrels)
    return QuestionSet("set", "test", "qrels", questions, digest="0" * 64, qrels=qrels)


def values(
    qrels: Grades, run: Mapping[str, Sequence[str]], measures: Sequence[str], **options: Any
) -> dict[str, list[float]]:
    """The columns of a run in which all hits of a question have one score."""
    made = Run.of(list(run), list(run.values()), [[1.0] * len(pids) for pids in run.values()])
    columns = Relevance(measures).score(Evidence(judged(qrels), run=made, **options))
    assert all(column.shape == (len(qrels),) for column in columns.values())
    return {name: column.tolist() for name, column in columns.items()}


# a is found at rank 2, c at rank 4; x was not judged; d is relevant and not found.
QRELS = {"q": {"a": 2, "b": 0, "c": 1, "d": 1}}
RANKED = {"q": ["b", "a", "x", "c"]}
IDEAL = 2 / log2(2) + 1 / log2(3) + 1 / log2(4)


@pytest.mark.parametrize(
    ("measure", "column", "expected"),
    [
        ("nDCG@10", "ndcg@10", (2 / log2(3) + 1 / log2(5)) / IDEAL),
        ("nDCG@3", "ndcg@3", (2 / log2(3)) / IDEAL),
        ("nDCG", "ndcg", (2 / log2(3) + 1 / log2(5)) / IDEAL),
        ("R@2", "recall@2", 1 / 3),
        ("R@4", "recall@4", 2 / 3),
        ("AP", "map", (1 / 2 + 2 / 4) / 3),
        ("RR", "mrr", 1 / 2),
        ("P@4", "precision@4", 2 / 4),
        ("P(rel=2)@4", "precision(rel=2)@4", 1 / 4),
        ("Judged@4", "judged@4", 3 / 4),
    ],
)
def test_by_hand(measure: str, column: str, expected: float) -> None:
    assert values(QRELS, RANKED, [measure]) == {column: [pytest.approx(expected)]}


def test_ndcg_by_hand_in_figures() -> None:
    """DCG 1.261860 + 0.430677 = 1.692536, ideal 2 + 0.630930 + 0.5 = 3.130930."""
    assert values(QRELS, RANKED, ["nDCG@10"])["ndcg@10"] == [pytest.approx(0.540586, abs=1e-6)]


def test_the_order_of_the_run_stands_where_scores_are_equal() -> None:
    """trec_eval alone would put z first: it orders equal scores by pid, backwards."""
    assert values({"q": {"a": 1}}, {"q": ["a", "z"]}, ["RR"]) == {"mrr": [1.0]}
    assert values({"q": {"z": 1}}, {"q": ["a", "z"]}, ["RR"]) == {"mrr": [0.5]}


def test_every_question_counts() -> None:
    """No hits, no relevant passage, and only negative grades: 0, and in the denominator."""
    qrels = {"right": {"a": 1}, "empty": {"a": 1}, "none": {"a": 0}, "junk": {"a": -2}}
    run = {"right": ["a"], "empty": [], "none": ["a"], "junk": ["a"]}
    found = values(qrels, run, ["nDCG@10", "R@20", "AP", "RR"])
    assert set(found) == {"ndcg@10", "recall@20", "map", "mrr"}
    assert all(column == [1, 0, 0, 0] for column in found.values())


def test_a_negative_grade_is_not_relevant() -> None:
    assert values({"q": {"a": -1, "b": 1}}, {"q": ["a", "b"]}, ["nDCG@10"]) == {
        "ndcg@10": [pytest.approx(1 / log2(3))]
    }


def test_bpref_leaves_aside_what_has_a_grade_below_0() -> None:
    """By hand: of r, s relevant and n, m judged and not, found n r x s: (1 - 1/2 + 1 - 1/2) / 2."""
    grades = {"n": 0, "m": 0, "r": 1, "s": 1}
    for junk in ({}, {"x": -1}, {"x": -2}, {"x": -7}):
        found = values({"q": {**grades, **junk}}, {"q": ["n", "r", "x", "s"]}, ["Bpref"])
        assert found == {"bpref": [0.5]}, junk
    assert values({"q": {**grades, "x": 0}}, {"q": ["n", "r", "x", "s"]}, ["Bpref"]) == {
        "bpref": [(1 - 1 / 2 + 1 - 2 / 2) / 2]
    }


@given(st.lists(st.integers(-2, 2), min_size=6, max_size=6), st.permutations("abcdefg"))
def test_grades_below_0_are_trec_evals(numbers: list[int], pids: list[str]) -> None:
    grades = dict(zip("abcdef", numbers, strict=True))
    if max(numbers) < 0:  # it crashes
        return
    run = {"q": {pid: -float(rank) for rank, pid in enumerate(pids)}}
    measures = {"bpref", "map", "recip_rank"}
    theirs = pytrec_eval.RelevanceEvaluator({"q": grades}, measures).evaluate(run)["q"]
    ours = values({"q": grades}, {"q": pids}, ["Bpref", "AP", "RR"])
    assert ours == {
        "bpref": [pytest.approx(theirs["bpref"])],
        "map": [pytest.approx(theirs["map"])],
        "mrr": [pytest.approx(theirs["recip_rank"])],
    }


def test_a_hit_of_the_questions_own_id_is_left_out_unless_judged() -> None:
    run = {"7": ["7", "a"]}
    assert values({"7": {"a": 1}}, run, ["RR"]) == {"mrr": [1.0]}
    assert values({"7": {"a": 1, "7": 0}}, run, ["RR"]) == {"mrr": [0.5]}
    assert values({"7": {"a": 1, "7": 2}}, run, ["RR"]) == {"mrr": [1.0]}


def test_no_column_for_ranks_the_search_was_not_asked_to_reach() -> None:
    asked = ["nDCG@2", "R@3", "AP"]
    assert list(values(QRELS, RANKED, asked, searched=2)) == ["ndcg@2", "map"]


def test_answers_and_judgements_do_not_mix(make_questions, make_passages) -> None:
    passages = make_passages([("a", "t", "text")])
    run = Run.of(["q"], [["a"]], [[1.0]])
    with_judgements = Evidence(judged({"q": {"a": 1}}), run=run, passages=passages)
    for metric in (AnswerRecall(), ReciprocalRank()):
        assert metric.score(with_judgements) == {}
    predicted = Evidence(judged({"q": {"a": 1}}), predictions={"q": "text"})
    for metric in (ExactMatch(), TokenF1(), Relevance()):
        assert metric.score(predicted) == {}
    with_answers = Evidence(make_questions({"q": ["text"]}), run=run, passages=passages)
    assert Relevance().score(with_answers) == {}


def test_a_run_of_another_corpus_is_noticed(make_passages) -> None:
    passages = make_passages([("a", "t", "text")])
    run = Run.of(["q"], [["other"]], [[1.0]])
    with pytest.raises(UserError, match="name passages that the corpus lacks, first 'other'"):
        Relevance().score(Evidence(judged({"q": {"a": 1}}), run=run, passages=passages))


@pytest.mark.parametrize("bad", ["nDCG@0", "nDCG@ten", "nDCG@0.5", "two words", "", "@9", "a()()"])
def test_a_measure_that_cannot_be_read(bad: str) -> None:
    with pytest.raises(UserError, match="metric relevance: cannot read the measure"):
        Relevance([bad])


def test_no_measure() -> None:
    with pytest.raises(UserError, match="must name at least one"):
        Relevance([])


@pytest.mark.parametrize("bad", ["Nonsense@3", "nDCG(nothing=1)@3", "P", "nDCG(1)@3"])
def test_a_measure_that_ir_measures_does_not_know(bad: str) -> None:
    with pytest.raises(UserError, match="metric relevance: ir_measures refuses a measure"):
        values(QRELS, RANKED, [bad])


_PIDS = st.sampled_from([f"p{n}" for n in range(12)])


@given(
    st.dictionaries(
        st.sampled_from(["q1", "q2", "q3"]),
        st.tuples(
            st.dictionaries(_PIDS, st.integers(0, 3), min_size=1, max_size=6),
            st.lists(_PIDS, max_size=12, unique=True),
        ),
        min_size=1,
    )
)
def test_agrees_with_pytrec_eval(sets: dict[str, tuple[dict[str, int], list[str]]]) -> None:
    qrels = {qid: grades for qid, (grades, _) in sets.items()}
    ranked = {qid: pids for qid, (_, pids) in sets.items()}
    names = {
        "nDCG@5": ("ndcg@5", "ndcg_cut_5"),
        "R@5": ("recall@5", "recall_5"),
        "AP": ("map", "map"),
        "RR": ("mrr", "recip_rank"),
    }
    ours = values(qrels, ranked, list(names))
    measures = {"ndcg_cut.5", "recall.5", "map", "recip_rank"}
    evaluator = pytrec_eval.RelevanceEvaluator(qrels, measures)
    theirs = evaluator.evaluate(
        {qid: {pid: 100.0 - n for n, pid in enumerate(pids)} for qid, pids in ranked.items()}
    )
    for column, name in names.values():
        expected = [theirs.get(qid, {}).get(name, 0.0) for qid in qrels]
        assert ours[column] == pytest.approx(expected)
        assert np.isfinite(ours[column]).all()
