"""What one's own retriever may return."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from qa_bench.errors import UserError
from qa_bench.stages.run_check import check_run
from qa_bench.types import Run

PASSAGES = [("p1", "", "one"), ("p2", "", "two"), ("p3", "", "three")]


@pytest.fixture
def check(make_passages: Any, make_questions: Any) -> Any:
    """``check(qids, pids, scores)`` of a run 2 deep for the questions q1, q2."""
    passages, questions = make_passages(PASSAGES), make_questions({"q1": ["x"], "q2": ["x"]})

    def check(*run: Any) -> None:
        check_run(Run.of(*run) if len(run) > 1 else run[0], object(), questions, 2, passages)

    return check


def test_good_runs(check: Any) -> None:
    check(["q1", "q2"], [["p1", "p2"], ["p2", "p1"]], [[1, 1], [2, -1]])
    check(["q2"], [["p3"]], [[-5]])
    check(["q1", "q2"], [[], []], [[], []])


@pytest.mark.parametrize(
    ("run", "message"),
    [
        ((["q1", "q2"], [["p1"], ["p1", "p2", "p3"]], [[1], [3, 2, 1]]), "'q2' has 3 hits, depth"),
        ((["q1", "q2"], [["p1"], ["p2", "p2"]], [[1], [3, 2]]), "'q2' has a passage twice"),
        ((["q1"], [["p1", "p2"]], [[1, 1.5]]), "'q1' has scores that rise"),
        ((["q1"], [["p1", "p2"]], [[1, math.nan]]), "'q1' has a score that is not finite"),
        ((["q1"], [["p1"]], [[math.inf]]), "'q1' has a score that is not finite"),
        ((["q1", "q9"], [["p1"], ["p1"]], [[1], [1]]), "hits of 'q9', no question of the set"),
        ((["q2", "q1"], [["p1"], ["p1"]], [[1], [1]]), "'q1' is not where the set has it"),
        ((["q1"], [["p9"]], [[1]]), "1 of 1 hits name passages that the corpus lacks, first 'p9'"),
        (([["p1"]],), "search must return a Run, it returned list"),
    ],
)
def test_runs_that_are_refused(check: Any, run: Any, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        check(*run)
    assert str(caught.value).startswith("retriever (builtins.object): ")


def test_rows_outside_the_corpus(make_passages: Any) -> None:
    passages = make_passages(PASSAGES)
    for bad in (3, -1):
        rows, scores = [np.array([0, bad])], [np.array([2.0, 1.0])]
        with pytest.raises(UserError, match=f"row {bad} is outside the corpus.* 0 to 2"):
            Run.of_rows(["q1"], rows, scores, passages.pids)


def test_lists_of_other_lengths() -> None:
    with pytest.raises(UserError, match="question 'q1' has 2 passages and 1 scores"):
        Run.of(["q1"], [["p1", "p2"]], [[1]])
    with pytest.raises(UserError, match="2 questions, 1 lists of passages and 1 of scores"):
        Run.of(["q1", "q2"], [["p1"]], [[1]])
