"""run ─read─► predictions: what a reader is given, and what becomes of its answers."""

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
from qa_bench.formats.predictions import read_predictions
from qa_bench.parts import Part
from qa_bench.stages.read import PREDICTIONS_FILE, read
from qa_bench.store.ranked import Ranked
from qa_bench.store.runs import RUN_FILE, write_run
from qa_bench.types import Folder, QuestionSet, Run, Runtime

HITS = Run.of(["q1", "q2", "q3"], [["4", "2", "1"], [], ["3"]], [[3, 2, 1], [], [1]])


class Quoting(Part):
    """Answers with what it was given."""

    depth = 2

    def __init__(self) -> None:
        self.calls = 0

    def read(self, ranked: Ranked, runtime: Runtime) -> list[str]:
        self.calls += 1
        return [
            "|".join(f"{ranked.titles[n]}: {ranked.texts[n]}" for n in range(hits.start, hits.stop))
            for _, hits in ranked.groups()
        ]


@pytest.fixture
def questions(make_questions: Callable[..., QuestionSet]) -> QuestionSet:
    return make_questions({"q1": ["x"], "q2": ["y"], "q3": ["z"]})


@pytest.fixture
def world(
    tmp_path: Path,
    make_passages: Callable[..., Any],
    questions: QuestionSet,
    context: Context,
    run: Callable[[Stage], Folder],
) -> Callable[..., Folder]:
    """``world(reader)``: the stage over a run of two questions, one of them without hits."""
    passages = make_passages(
        [("1", "a", "one"), ("2", "b", "two é")], [("3", "c", "three"), ("4", "d", "")]
    )
    (tmp_path / "run").mkdir()

    def made(
        reader: Any,
        hits: Run = HITS,
        of: QuestionSet = questions,
        config: str = "1",
    ) -> Folder:
        write_run(tmp_path / "run" / RUN_FILE, hits)
        part = identified(reader, setting=config)
        ranked, corpus = given(tmp_path / "run"), given(passages.folder)
        return run(read(ranked, corpus, of, part, "quoting", 3, context))

    return made


def test_answers_stand_in_the_order_of_the_questions(
    world: Callable[..., Folder], questions: QuestionSet
) -> None:
    folder = world(Quoting())
    lines = (folder.path / PREDICTIONS_FILE).read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [
        {"id": "q1", "prediction": "d: |b: two é"},
        {"id": "q2", "prediction": ""},
        {"id": "q3", "prediction": "c: three"},
    ]
    counts = folder.manifest["counts"]
    assert (counts["questions"], counts["without_answer"]) == (3, 1)
    assert counts["seconds"] >= 0
    assert read_predictions(folder.path / PREDICTIONS_FILE, questions)["q3"] == "c: three"


def test_an_empty_run(world: Callable[..., Folder]) -> None:
    run = Run.of(["q1", "q2", "q3"], [[], [], []], [[], [], []])
    assert world(Quoting(), run).manifest["counts"]["without_answer"] == 3


def test_it_reads_once(world: Callable[..., Folder], questions: QuestionSet) -> None:
    reader = Quoting()
    assert not world(reader).reused
    assert world(reader).reused
    other_answers = tuple(question._replace(answers=("other",)) for question in questions)
    assert world(reader, of=replace(questions, questions=other_answers)).reused
    assert reader.calls == 1, "gold answers change nothing"
    world(reader, Run.of(["q1", "q2", "q3"], [["4"], [], []], [[3], [], []]))
    world(reader, config="2")
    other_texts = tuple(question._replace(text="other") for question in questions)
    world(reader, of=replace(questions, questions=other_texts))
    assert reader.calls == 4


def test_a_reader_that_sees_answers_reads_again(
    world: Callable[..., Folder], questions: QuestionSet
) -> None:
    reader: Any = Quoting()
    reader.sees_answers = True
    world(reader)
    other = tuple(question._replace(answers=("other",)) for question in questions)
    assert not world(reader, of=replace(questions, questions=other)).reused


def test_another_model_reads_again(world: Callable[..., Folder]) -> None:
    reader: Any = Quoting()
    for content in ("one", "two", "one"):
        reader.sources = lambda content=content: {"reader_model": content}
        world(reader)
    assert reader.calls == 2


def test_an_answer_too_few_is_no_result(world: Callable[..., Folder], context: Context) -> None:
    reader: Any = Quoting()
    reader.read = lambda ranked, runtime: ["a"]
    with pytest.raises(ValueError, match="shorter"):
        world(reader)
    assert not [path for path in context.cache.glob("read/*") if not path.name.startswith(".")]


def test_a_passage_the_corpus_lacks(world: Callable[..., Folder]) -> None:
    run = Run.of(["q1", "q2", "q3"], [["9"], [], []], [[1], [], []])
    with pytest.raises(UserError, match="9"):
        world(Quoting(), run)


def test_ranked_keeps_order_scores_and_depth(
    make_passages: Callable[..., Any], questions: QuestionSet
) -> None:
    passages = make_passages([(str(n), f"t{n}", f"text {n}") for n in range(1, 6)])
    run = Run.of(["q1", "q2", "q3"], [["5", "1", "2"], [], ["3", "5"]], [[9, 8, 7], [], [6, 5]])
    ranked = Ranked.of(run, passages, questions, 2)
    assert ranked.question_rows.tolist() == [0, 0, 2, 2]
    assert ranked.question_rows.dtype == ranked.rows.dtype == np.int64
    assert ranked.rows.tolist() == [4, 0, 2, 4]
    assert ranked.scores.tolist() == [9, 8, 6, 5]
    assert [ranked.texts[n] for n in range(4)] == ["text 5", "text 1", "text 3", "text 5"]
    assert [ranked.titles[n] for n in range(4)] == ["t5", "t1", "t3", "t5"]
    assert [(place, hits.start, hits.stop) for place, hits in ranked.groups()] == [
        (0, 0, 2), (1, 2, 2), (2, 2, 4),
    ]  # fmt: skip
    assert len(ranked) == 4
