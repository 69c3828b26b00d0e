"""run + passages ─mine─► training data: who scores what the run does not hold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from given import given
from identified import identified

from qa_bench.engine.context import Context
from qa_bench.engine.stage import Stage
from qa_bench.errors import UserError
from qa_bench.formats.dpr_training import Example, read_examples
from qa_bench.parts import Part
from qa_bench.stages.expand import Wording
from qa_bench.stages.fuse import PartRun
from qa_bench.stages.mine import mine
from qa_bench.stages.pair_scores import PairScores, of_reranker, of_retriever
from qa_bench.store.passages import Passages
from qa_bench.store.ranked import Ranked
from qa_bench.store.runs import RUN_FILE, write_run
from qa_bench.train.golds import Golds
from qa_bench.train.mining import Mining
from qa_bench.train.negatives import HitChoice
from qa_bench.types import Folder, QuestionSet, Run, Runtime

PASSAGES = [("p1", "one", "Clara Holm"), ("p2", "two", "Erik Lund"), ("p3", "", "nobody at all")]
ANSWERS = {"q1": ["Clara Holm"], "q2": ["Erik Lund"]}
HITS = {"q1": ["p3", "p1", "p2"], "q2": ["p3", "p2"]}


class ByLength(Part):
    """Scores pairs by the text's length, and the question's number after the point."""

    def __init__(self, pointwise: bool = True) -> None:
        self.pointwise, self.depth, self.keep = pointwise, 100, None

    def rerank(self, ranked: Ranked, runtime: Runtime) -> np.ndarray:
        lengths = np.array([len(text) for text in ranked.texts], dtype=np.float32)
        return lengths + ranked.question_rows.astype(np.float32) / 10

    def index(self, passages: Passages, folder: Path, runtime: Runtime) -> int:
        return len(passages)

    def search(self, *_: Any) -> Run:
        raise AssertionError("searched already")

    def score(
        self, folder: Path, passages: Passages, questions: QuestionSet,
        question_rows: np.ndarray, rows: np.ndarray, runtime: Runtime,
    ) -> np.ndarray:  # fmt: skip
        assert (folder / "index").read_text() == "of all passages"
        texts = passages.texts(rows)
        return self.rerank(
            Ranked(questions, question_rows, rows, np.zeros(len(rows)), texts, texts), runtime
        )


@pytest.fixture
def mined(
    tmp_path: Path,
    context: Context,
    run: Callable[[Stage], Folder],
    make_passages: Any,
    make_questions: Any,
) -> Any:
    """``mined(mining, scorer)``: the examples by question; ``scorer(questions)`` scores pairs."""
    passages: Passages = make_passages(PASSAGES)
    questions: QuestionSet = make_questions(ANSWERS)
    folder = tmp_path / "run"
    folder.mkdir()
    scores = [[float(9 - n) for n in range(len(pids))] for pids in HITS.values()]
    write_run(folder / RUN_FILE, Run.of(list(HITS), list(HITS.values()), scores))

    def made(
        mining: Mining, scorer: Callable[[QuestionSet], PairScores | None] = lambda _: None
    ) -> dict[str, Example]:
        common = (questions, given(folder), given(passages.folder), Golds({}, []), mining, "t")
        done = run(mine(*common, context, scorer(questions)))
        examples = read_examples(done.path / "set-test.json")
        return {one.question.removeprefix("text of "): one for one in examples}

    return made


def by_reranker(questions: QuestionSet) -> PairScores | None:
    return of_reranker(identified(ByLength(), part="by length"), questions)


@pytest.fixture
def by_retriever(tmp_path: Path) -> Callable[[QuestionSet], PairScores | None]:
    (tmp_path / "index").mkdir()
    (tmp_path / "index/index").write_text("of all passages")

    def made(questions: QuestionSet) -> PairScores | None:
        index = given(tmp_path / "index")
        part = identified(ByLength(), part="by length")
        return of_retriever(PartRun(index, index, part, {}, Wording(questions)))

    return made


def all_scores(example: Example) -> dict[str, float]:
    lists = (example.positives, example.negatives, example.hard_negatives)
    return {one.passage.pid: one.score for several in lists for one in several}


@pytest.mark.parametrize("kind", ["reranker", "retriever"])
def test_what_is_drawn_is_scored_too(mined: Any, kind: str, by_retriever: Any) -> None:
    scorer = by_reranker if kind == "reranker" else by_retriever
    examples = mined(Mining(HitChoice(0), gold=1, random=9, scored=True), scorer)
    assert {example.teacher for example in examples.values()} == {"t"}
    assert all_scores(examples["q1"]) == pytest.approx({"p1": 8.0, "p2": 9.0, "p3": 13.0})
    assert all_scores(examples["q2"]) == pytest.approx({"p2": 8.0, "p1": 10.1, "p3": 13.1})


def test_nobody_is_asked_in_vain(mined: Any) -> None:
    """Neither is anybody's content in the key, where no score is wanted."""

    def broken(questions: QuestionSet) -> PairScores:
        def fail(*_: Any) -> Any:
            raise AssertionError("asked")

        return PairScores({}, {"scorer": "x"}, fail, fail)

    examples = mined(Mining(random=0), broken)
    assert all_scores(examples["q1"]) == {"p1": 8.0, "p3": 9.0, "p2": 7.0}
    with pytest.raises(AssertionError, match="asked"):
        mined(Mining(HitChoice(margin=0)), broken)


def test_all_scored_by_nobody(mined: Any) -> None:
    with pytest.raises(UserError, match=r"^mine\.scores: t cannot score a passage that it did not"):
        mined(Mining(scored=True))


def test_whose_scores_are_those_of_any_pair(make_questions: Any) -> None:
    questions: QuestionSet = make_questions(ANSWERS)
    assert of_reranker(ByLength(pointwise=False), questions) is None
    assert of_reranker(object(), questions) is None
    assert by_reranker(questions) is not None
