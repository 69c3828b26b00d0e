from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from identified import identified

from qa_bench.engine.context import Context
from qa_bench.errors import UserError
from qa_bench.metric.answer_recall import AnswerRecall
from qa_bench.metric.em import ExactMatch
from qa_bench.metric.mrr import ReciprocalRank
from qa_bench.metric.relevance import Relevance
from qa_bench.stages.import_run import import_run
from qa_bench.stages.score import SCORES_FILE, score
from qa_bench.store.columns import read_columns
from qa_bench.types import Folder

METRICS = {
    "answer_recall": identified(AnswerRecall(k=[1, 2]), k=[1, 2]),
    "mrr": identified(ReciprocalRank()),
    "em": identified(ExactMatch()),
}
ANSWERS = {"q1": ["Paris"], "q2": ["Rome", "..."], "q3": ["Oslo"], "q4": ["Bern"]}


@pytest.fixture
def questions(make_questions):
    return make_questions(ANSWERS)


@pytest.fixture
def run(tmp_path: Path, questions, context: Context) -> Folder:
    """Hits with their texts: q1 at rank 2, q2 at rank 1, q3 nowhere, q4 without hits."""
    path = tmp_path / "run.json"
    path.write_text(
        '{"q1": {"contexts": [{"docid": "a", "score": 2, "text": "T\\nnothing"},'
        ' {"docid": "b", "score": 1, "text": "T\\nin Paris"}]},'
        ' "q2": {"contexts": [{"docid": "c", "score": 5, "text": "T\\nRome"}]},'
        ' "q3": {"contexts": [{"docid": "b", "score": 4, "text": "T\\nin Paris"}]}}'
    )
    return import_run(path, questions, "theirs", context)


def test_an_imported_run_brings_its_passages(run: Folder):
    assert run.manifest["counts"] == {"hits": 4, "passages": 3}
    assert run.path.name.startswith("set-test-theirs-")


def test_a_run_is_scored_over_all_questions(run: Folder, questions, context: Context):
    folder = score(questions, METRICS, "dpr", "theirs", context, run=run, passages=run)
    assert read_columns(folder.path / SCORES_FILE) == {
        "qid": ["q1", "q2", "q3", "q4"],
        "answers": ['["Paris"]', '["Rome", "..."]', '["Oslo"]', '["Bern"]'],
        "first_rank": [2, 1, 0, 0],
        "answer_recall@1": [0, 1, 0, 0],
        "answer_recall@2": [1, 1, 0, 0],
        "mrr": [0.5, 1, 0, 0],
    }
    assert folder.manifest["counts"] == {
        "questions": 4,
        "means": {"answer_recall@1": 0.25, "answer_recall@2": 0.5, "mrr": 0.375},
        "degenerate_answers": 1,
    }


def test_predictions_are_scored_over_all_questions(questions, context: Context):
    given = {"q1": "Paris!", "q2": "Milan"}
    folder = score(questions, METRICS, "dpr", "reader", context, predictions=given)
    assert read_columns(folder.path / SCORES_FILE) == {
        "qid": ["q1", "q2", "q3", "q4"],
        "answers": ['["Paris"]', '["Rome", "..."]', '["Oslo"]', '["Bern"]'],
        "em": [1, 0, 0, 0],
    }
    assert folder.manifest["counts"] == {
        "questions": 4,
        "means": {"em": 0.25},
        "degenerate_answers": 1,
        "without_prediction": 2,
    }


@pytest.mark.parametrize(
    "change",
    [
        {"mode": "kilt"},
        {"metrics": {"em": METRICS["em"]}},
        {"predictions": {"q1": "Rome"}},
        {"digest": "1" * 64},
        {"match": "regex"},
    ],
)
def test_what_makes_other_scores(questions, context: Context, change: dict[str, Any]):
    changed = {**change}
    other = replace(
        questions, **{key: changed.pop(key) for key in ("digest", "match") if key in changed}
    )
    base: dict[str, Any] = {"mode": "dpr", "metrics": METRICS, "predictions": {"q1": "Paris"}}

    def scored(questions: Any, mode: str, metrics: Any, predictions: Any) -> Folder:
        return score(questions, metrics, mode, "reader", context, predictions=predictions)

    first = scored(questions, **base)
    assert scored(questions, **base).reused
    assert scored(other, **{**base, **changed}).key != first.key


def test_no_metric_applies(questions, context: Context):
    with pytest.raises(UserError, match="none of the metrics \\(mrr\\) applies to predictions for"):
        score(
            questions,
            {"mrr": METRICS["mrr"]},
            "dpr",
            "reader",
            context,
            predictions={"q1": "Paris"},
        )
    assert not list(context.cache.glob("score/[!.]*"))


def test_judgements_instead_of_answers(run: Folder, questions, context: Context):
    """b is found at rank 2 of q1; q2's passage is not in the collection, q3's was not found."""
    pytest.importorskip("ir_measures")
    judged = replace(
        questions,
        match="qrels",
        questions=tuple(question._replace(answers=()) for question in questions),
        qrels={"q1": {"b": 1}, "q2": {"z": 2, "c": 0}, "q3": {"a": 1}, "q4": {"b": 0}},
    )
    metrics = {**METRICS, "relevance": identified(Relevance(["RR", "R@2"]))}
    folder = score(judged, metrics, "dpr", "theirs", context, run=run, passages=run)
    assert read_columns(folder.path / SCORES_FILE) == {
        "qid": ["q1", "q2", "q3", "q4"],
        "mrr": [0.5, 0, 0, 0],
        "recall@2": [1, 0, 0, 0],
    }
    assert folder.manifest["counts"] == {
        "questions": 4,
        "means": {"mrr": 0.125, "recall@2": 0.25},
        "degenerate_answers": 0,
        "relevant_absent": 1,
    }
