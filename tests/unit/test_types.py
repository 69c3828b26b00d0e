from __future__ import annotations

import os
import pickle

import numpy as np
import pyarrow as pa
import pytest

from qa_bench.errors import DataError, UserError
from qa_bench.types import Question, QuestionSet, Run, Runtime


def test_a_run_is_built_from_ranked_lists():
    run = Run.of(["q1", "q2", "q3"], [["a", "b"], [], ["c"]], [[2.0, 0.1], [], [1]])
    assert run.table.to_pydict() == {
        "qid": ["q1", "q1", "q3"],
        "rank": [1, 2, 1],
        "pid": ["a", "b", "c"],
        "score": [2.0, float(np.float32(0.1)), 1.0],
    }
    assert [str(field.type) for field in run.table.schema] == ["string", "int32", "string", "float"]
    assert len(run) == 3


def test_a_run_is_built_from_rows():
    names = pa.array(["a", "b", "c"])
    rows = [np.array([2, 0]), np.array([], dtype=np.int64), np.array([1])]
    scores = [np.array([3.0, 2.0]), np.array([]), np.array([1.0])]
    run = Run.of_rows(["q1", "q2", "q3"], rows, scores, lambda flat: names.take(pa.array(flat)))
    assert run.table.column("row").to_pylist() == [2, 0, 1]
    assert run.table.drop_columns("row").equals(
        Run.of(["q1", "q2", "q3"], [["c", "a"], [], ["b"]], [[3, 2], [], [1]]).table
    )


def test_slices_hold_each_questions_hits():
    run = Run.of(["q2", "q1", "q3"], [["a", "b"], [], ["c"]], [[2, 1], [], [1]])
    assert run.slices() == {"q2": slice(0, 2), "q3": slice(2, 3)}


@pytest.mark.parametrize(("qids", "pids"), [([], []), (["q1", "q2"], [[], []])])
def test_a_run_may_be_empty(qids: list[str], pids: list[list[str]]):
    run = Run.of(qids, pids, pids)
    assert len(run) == 0
    assert run.slices() == {}
    assert [str(field.type) for field in run.table.schema] == ["string", "int32", "string", "float"]
    assert len(Run.of_rows([], [], [], lambda _: pa.array([], pa.string()))) == 0


def test_a_question_set_keeps_its_order():
    questions = tuple(Question(qid, "text", ("a",)) for qid in ("b", "a"))
    whole = QuestionSet("own", "test", "string", questions, digest="")
    assert len(whole) == 2
    assert [question.qid for question in whole] == ["b", "a"]
    assert whole.published is None


def test_workers_are_the_processors_this_process_may_use():
    assert Runtime(threads=3).workers == 3
    assert Runtime().workers == len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("heap", "megabytes"), [("2g", 2048), ("512m", 512), ("512M", 512), ("65536k", 64)]
)
def test_the_heap_in_megabytes(heap: str, megabytes: int):
    assert Runtime(java_heap=heap).heap_mb == megabytes


@pytest.mark.parametrize(
    "settings",
    [
        {"threads": -1},
        {"threads": "two"},
        {"threads": True},
        {"batch_size": True},
        {"batch_size": 0.5},
        {"progress": "no"},
        {"device": "gpu"},
        {"java_heap": "2 GB"},
        {"java_heap": "-1g"},
    ],
)
def test_a_bad_runtime_is_refused(settings: dict[str, object]):
    with pytest.raises(UserError, match=f"^runtime\\.{next(iter(settings))}: .*got '"):
        Runtime(**settings)


def test_a_data_error_names_file_and_line_and_survives_pickling():
    for error, told in [
        (DataError("is wrong", "a.txt", 7), "a.txt:7: is wrong"),
        (DataError("is wrong", "a.txt"), "a.txt: is wrong"),
    ]:
        again = pickle.loads(pickle.dumps(error))
        assert str(again) == str(error) == told
        assert (again.path, again.line) == (error.path, error.line)
        assert isinstance(again, UserError)
