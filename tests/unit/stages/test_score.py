from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from given import given
from identified import identified

from qa_bench.engine.context import Context
from qa_bench.engine.stage import Stage
from qa_bench.errors import UserError
from qa_bench.metric.answer_recall import AnswerRecall
from qa_bench.metric.em import ExactMatch
from qa_bench.metric.evidence import Evidence
from qa_bench.metric.mrr import ReciprocalRank
from qa_bench.metric.relevance import Relevance
from qa_bench.parts import Part
from qa_bench.stages import import_run as import_module
from qa_bench.stages.import_run import ForeignFile, holds_passages, import_run
from qa_bench.stages.read import PREDICTIONS_FILE
from qa_bench.stages.score import SCORES_FILE, score
from qa_bench.store.columns import read_columns
from qa_bench.types import Folder, QuestionSet

METRICS = {
    "answer_recall": identified(AnswerRecall(k=[1, 2]), k=[1, 2]),
    "mrr": identified(ReciprocalRank()),
    "em": identified(ExactMatch()),
}
ANSWERS = {"q1": ["Paris"], "q2": ["Rome", "..."], "q3": ["Oslo"], "q4": ["Bern"]}


Run = Callable[[Stage], Folder]
THEIRS = {
    "q1": {"contexts": [{"docid": "a", "score": 2, "text": "T\nnothing"},
                        {"docid": "b", "score": 1, "text": "T\nin Paris"}]},
    "q2": {"contexts": [{"docid": "c", "score": 5, "text": "T\nRome"}]},
    "q3": {"contexts": [{"docid": "b", "score": 4, "text": "T\nin Paris"}]},
}  # fmt: skip


@pytest.fixture
def questions(make_questions: Any) -> QuestionSet:
    made: QuestionSet = make_questions(ANSWERS)
    return made


@pytest.fixture
def theirs(tmp_path: Path, questions: QuestionSet, context: Context) -> Stage:
    """Hits with their texts: q1 at rank 2, q2 at rank 1, q3 nowhere, q4 without hits."""
    path = tmp_path / "run.json"
    path.write_text(json.dumps(THEIRS))
    return import_run(ForeignFile(path, questions), "theirs", context)


def test_an_imported_run_brings_its_passages(
    theirs: Stage, run: Run, tmp_path: Path, questions: QuestionSet, context: Context
):
    file = ForeignFile(tmp_path / "run.json", questions)
    assert holds_passages(theirs, file, context), "by reading it"
    assert not context.cache.exists()
    folder = run(theirs)
    assert folder.manifest["counts"] == {
        "hits": 4,
        "passages": 3,
        "deepest": 2,
        "without_hits": 1,
        "first_without_hits": "q4",
        "lacks_place_0": False,
    }
    assert folder.path.name.startswith("set-test-theirs-")
    assert holds_passages(theirs, file, context)
    pids_only = tmp_path / "run.trec"
    pids_only.write_text("q1 Q0 a 1 2.0 x\n")
    bare_file = ForeignFile(pids_only, questions)
    bare = import_run(bare_file, "theirs", context)
    assert not holds_passages(bare, bare_file, context)
    counts = run(bare).manifest["counts"]
    assert (counts["hits"], counts["passages"], counts["without_hits"]) == (1, 0, 3)


def test_a_run_is_parsed_once(
    theirs: Stage, run: Run, tmp_path: Path, questions: QuestionSet, context: Context,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    """It may be large: neither twice, nor kept when it is stored."""
    file = ForeignFile(tmp_path / "run.json", questions)
    stage = import_run(file, "theirs", context)
    assert holds_passages(stage, file, context)
    with monkeypatch.context() as patch:
        patch.setattr(import_module, "read_run_file", lambda *_: pytest.fail("parsed again"))
        assert run(stage).manifest["counts"]["passages"] == 3
    assert file._parsed is None


def test_a_run_that_is_missing(questions: QuestionSet, tmp_path: Path):
    with pytest.raises(UserError, match=r"run: no such file: .*none\.json"):
        ForeignFile(tmp_path / "none.json", questions)


def test_another_run_file_is_imported_again(
    theirs: Stage, run: Run, tmp_path: Path, questions: QuestionSet, context: Context
):
    first = run(theirs)
    file = ForeignFile(tmp_path / "run.json", questions)
    assert run(import_run(file, "theirs", context)).reused
    file.path.write_text(json.dumps({"q1": THEIRS["q1"]}))
    assert run(import_run(file, "theirs", context)).key != first.key


def test_a_run_is_scored_over_all_questions(
    theirs: Stage, run: Run, questions: QuestionSet, context: Context
):
    folder = run(score(questions, METRICS, "dpr", "theirs", context, run=theirs, passages=theirs))
    assert read_columns(folder.path / SCORES_FILE) == {
        "qid": ["q1", "q2", "q3", "q4"],
        "answers": ['["Paris"]', '["Rome", "..."]', '["Oslo"]', '["Bern"]'],
        "first_rank": [2, 1, 0, 0],
        "first_pid": ["b", "c", "", ""],
        "passages": [
            '[{"rank": 1, "pid": "a", "title": "T"}, {"rank": 2, "pid": "b", "title": "T"}]',
            '[{"rank": 1, "pid": "c", "title": "T"}]',
            '[{"rank": 1, "pid": "b", "title": "T"}]',
            "[]",
        ],
        "answer_recall@1": [0, 1, 0, 0],
        "answer_recall@2": [1, 1, 0, 0],
        "mrr": [0.5, 1, 0, 0],
    }
    assert folder.manifest["counts"] == {
        "questions": 4,
        "means": {"answer_recall@1": 0.25, "answer_recall@2": 0.5, "mrr": 0.375},
        "metrics": {
            "answer_recall@1": "answer_recall",
            "answer_recall@2": "answer_recall",
            "mrr": "mrr",
        },
        "degenerate_answers": 1,
    }
    assert folder.manifest["inputs"]["run"] == folder.manifest["inputs"]["passages"] == theirs.key


def test_predictions_are_scored_over_all_questions(
    run: Run, questions: QuestionSet, context: Context
):
    predictions = {"q1": "Paris!", "q2": "Milan"}
    folder = run(score(questions, METRICS, "dpr", "reader", context, predictions=predictions))
    assert read_columns(folder.path / SCORES_FILE) == {
        "qid": ["q1", "q2", "q3", "q4"],
        "answers": ['["Paris"]', '["Rome", "..."]', '["Oslo"]', '["Bern"]'],
        "prediction": ["Paris!", "Milan", None, None],
        "em": [1, 0, 0, 0],
    }
    assert folder.manifest["counts"] == {
        "questions": 4,
        "means": {"em": 0.25},
        "metrics": {"em": "em"},
        "degenerate_answers": 1,
        "without_prediction": 2,
    }


def test_answers_are_scored_and_named_by_the_read_stage(
    theirs: Stage, run: Run, tmp_path: Path, questions: QuestionSet, context: Context
):
    """The manifest names the read stage, so that a figure leads back to who answered."""
    answers = tmp_path / "answers"
    answers.mkdir()
    lines = [{"id": "q1", "prediction": "Paris"}, {"id": "q3", "prediction": ""}]
    (answers / PREDICTIONS_FILE).write_text("".join(json.dumps(row) + "\n" for row in lines))
    read = given(answers, failed=2)
    folder = run(score(questions, METRICS, "dpr", "llm", context, run=theirs, passages=theirs,
                       answers=read, read=3))  # fmt: skip
    assert folder.manifest["inputs"]["answers"] == read.key
    assert folder.manifest["config"]["read"] == 3
    assert folder.manifest["provisional"], "half of the questions failed"
    columns = read_columns(folder.path / SCORES_FILE)
    assert columns["prediction"] == ["Paris", None, "", None]
    assert columns["em"] == [1, 0, 0, 0]
    assert columns["mrr"] == [0.5, 1, 0, 0], "the run is scored beside the answers"
    assert folder.manifest["counts"]["without_prediction"] == 2
    other = given(answers, failed=0)
    again = run(score(questions, METRICS, "dpr", "llm", context, run=theirs, passages=theirs,
                      answers=other, read=3))  # fmt: skip
    assert again.key != folder.key


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
def test_what_makes_other_scores(
    run: Run, questions: QuestionSet, context: Context, change: dict[str, Any]
):
    changed = {**change}
    other = replace(
        questions, **{key: changed.pop(key) for key in ("digest", "match") if key in changed}
    )
    base: dict[str, Any] = {"mode": "dpr", "metrics": METRICS, "predictions": {"q1": "Paris"}}

    def scored(questions: Any, mode: str, metrics: Any, predictions: Any) -> Stage:
        return score(questions, metrics, mode, "reader", context, predictions=predictions)

    first = run(scored(questions, **base))
    assert run(scored(questions, **base)).reused
    assert scored(other, **{**base, **changed}).key != first.key


def test_no_metric_applies(run: Run, questions: QuestionSet, context: Context):
    metrics, given = {"mrr": METRICS["mrr"]}, {"q1": "Paris"}
    with pytest.raises(UserError, match="none of the metrics \\(mrr\\) applies to predictions for"):
        run(score(questions, metrics, "dpr", "reader", context, predictions=given))
    assert not list(context.cache.glob("score/[!.]*"))


def test_judgements_instead_of_answers(
    theirs: Stage, run: Run, questions: QuestionSet, context: Context
):
    """b is found at rank 2 of q1; q2's passage is not in the collection, q3's was not found."""
    pytest.importorskip("ir_measures")
    judged = replace(
        questions,
        match="qrels",
        questions=tuple(question._replace(answers=()) for question in questions),
        qrels={"q1": {"b": 1}, "q2": {"z": 2, "c": 0}, "q3": {"a": 1}, "q4": {"b": 0}},
    )
    metrics = {**METRICS, "relevance": identified(Relevance(["RR", "R@2"]))}
    folder = run(score(judged, metrics, "dpr", "theirs", context, run=theirs, passages=theirs))
    assert read_columns(folder.path / SCORES_FILE) == {
        "qid": ["q1", "q2", "q3", "q4"],
        "passages": [
            '[{"rank": 1, "pid": "a", "title": "T"}, {"rank": 2, "pid": "b", "title": "T"}]',
            '[{"rank": 1, "pid": "c", "title": "T"}]',
            '[{"rank": 1, "pid": "b", "title": "T"}]',
            "[]",
        ],
        "mrr": [0.5, 0, 0, 0],
        "recall@2": [1, 0, 0, 0],
    }
    assert folder.manifest["counts"] == {
        "questions": 4,
        "means": {"mrr": 0.125, "recall@2": 0.25},
        "metrics": {"mrr": "relevance", "recall@2": "relevance"},
        "degenerate_answers": 0,
        "relevant_absent": 1,
    }


class Doubtful(Part):
    """Asks something that fails once, and says so."""

    def sources(self) -> dict[str, str]:
        return {"lm": "content"}

    def score(self, evidence: Evidence) -> dict[str, Any]:
        assert evidence.collection == "hits"
        evidence.remarks.append("one failed")
        evidence.failed.extend(["q1", "q1"])
        return {"doubt": np.array([1.0, 0, 0, 0])}


def test_what_a_metric_could_not_ask_is_told_and_asked_again(
    theirs: Stage, run: Run, questions: QuestionSet, context: Context
):
    metrics = {"doubt": identified(Doubtful())}
    stage = score(
        questions, metrics, "dpr", "s", context, run=theirs, passages=theirs, collection="hits"
    )
    manifest = run(stage).manifest
    assert manifest["counts"]["remarks"] == ["one failed"]
    assert manifest["counts"]["failed"] == 1, "a question counts once"
    assert manifest["provisional"]
    assert manifest["inputs"]["doubt.lm"] == "content"
