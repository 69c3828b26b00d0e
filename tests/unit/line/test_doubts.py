from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from identified import identified

from qa_bench.line.doubts import doubts
from qa_bench.metric.answer_recall import AnswerRecall
from qa_bench.metric.mrr import ReciprocalRank
from qa_bench.metric.relevance import Relevance
from qa_bench.store.runs import RUN_FILE, write_run
from qa_bench.types import Question, QuestionSet, Run

METRICS = {
    "answer_recall": identified(AnswerRecall(k=[1, 20, 100]), k=[1, 20, 100]),
    "mrr": identified(ReciprocalRank()),
    "relevance": identified(
        Relevance(["nDCG@10", "R@1000", "AP"]), measures=["nDCG@10", "R@1000", "AP"]
    ),
}


FOLDERS: list[Path] = []


@pytest.fixture(autouse=True)
def foreign_run(tmp_path: Path) -> Iterator[None]:
    """The file of the run that a ``line`` has."""
    write_run(tmp_path / RUN_FILE, Run.of(["q", "r"], [["a"], ["b"]], [[1], [2]]))
    FOLDERS[:] = [tmp_path]
    yield
    FOLDERS.clear()


def line(
    depth: int | None, judged: bool = False, corpus: dict[str, int] | None = None, **counts: Any
) -> Any:
    """As much of a ``Line`` as is looked at; a foreign run where it has counts."""
    folder = FOLDERS[0]
    stages = {"run": counts, "passages": corpus or {}}
    qrels = {"q": {"p": 1}} if judged else None
    asked = (Question("q", "x", ()), Question("r", "y", ()))
    return SimpleNamespace(
        config=SimpleNamespace(
            run="r.trec" if counts else None,
            predictions=None,
            chunker={"short": "drop"},
            reader={},
        ),
        corpus=SimpleNamespace(name="folder"),
        system="bm25+reader",
        passages="passages",
        run_passages="passages",
        questions=QuestionSet("own", "test", "string", asked, "", qrels=qrels),
        metrics=METRICS,
        reranker=None,
        retrieval=SimpleNamespace(seen=lambda texts: 0),
        reader=None,
        ranked_depth=depth,
        run="run",
        context=SimpleNamespace(
            run=lambda stage: SimpleNamespace(manifest={"counts": stages[stage]}, path=folder)
        ),
    )


WHOLE = {"without_hits": 0, "first_without_hits": None, "deepest": 100, "lacks_place_0": False}


def test_cut_offs_beyond_our_own_depth() -> None:
    assert doubts(line(100), {}) == []
    assert doubts(line(10), {}) == ["cut-offs 20, 100 are left out: the run goes to depth 10"]
    assert doubts(line(100, judged=True), {}) == [
        "cut-offs 1000 are left out: the run goes to depth 100"
    ]


def test_cut_offs_beyond_a_foreign_run() -> None:
    assert doubts(line(None, **WHOLE), {"first_rank": [0, 3]}) == []
    assert doubts(line(None, **{**WHOLE, "deepest": 20}), {"first_rank": [0, 3]}) == [
        "cut-offs 100 are beyond r.trec, which ends at rank 20"
    ]


@pytest.mark.parametrize("depth", [None, 100])
def test_questions_and_answers_that_a_foreign_run_lacks(depth: int | None) -> None:
    counts = {**WHOLE, "without_hits": 1, "first_without_hits": "r"}
    assert doubts(line(depth, **counts), {"first_rank": [0, 0]}) == [
        "r.trec: 1 of 2 questions have no hit, as 'r'; they count as not found",
        "WARNING: r.trec: no hit holds an answer of its question: another corpus?",
    ]


def test_places_that_may_be_counted_from_1() -> None:
    (told,) = doubts(line(None, **{**WHOLE, "lacks_place_0": True}), {"first_rank": [0, 3]})
    assert "counted from 0, and none of them is 0: if they are counted from 1" in told


def test_predictions_have_none() -> None:
    alone = line(None)
    alone.config.predictions = "p.jsonl"
    assert doubts(alone, {}) == []


def test_what_of_a_corpus_is_in_no_passage() -> None:
    few = {"articles": 10, "articles_without_passages": 1, "passages": 9}
    assert doubts(line(100, corpus=few), {}) == []
    many = {**few, "articles_without_passages": 9, "unreadable_files": 2}
    sentences = [
        "folder: 2 documents cannot be read and are left out",
        "folder: 9 of 10 articles have no passage (the chunker drops short ones); "
        "chunker=words keeps them",
    ]
    assert doubts(line(100, corpus=many), {}) == sentences
    other = line(100, corpus=many)
    other.config.chunker = {}
    assert doubts(other, {})[1] == "folder: 9 of 10 articles have no passage"
    foreign = line(None, corpus=many, **WHOLE)
    assert doubts(foreign, {}) == sentences
    foreign.run_passages = foreign.run
    assert doubts(foreign, {}) == []


def test_scores_that_contradict_the_order_of_a_foreign_run(tmp_path: Path) -> None:
    run = Run.of(["q", "r"], [["a", "b", "c"], ["b", "a"]], [[1, 2, 3], [1, 1]])
    write_run(tmp_path / RUN_FILE, run)
    assert doubts(line(None, **{**WHOLE, "deepest": 100}), {}) == [
        "r.trec: 1 questions are not in the order of their scores; the file's order counts"
    ]


def test_predictions_that_are_empty() -> None:
    texts = ["Mars", " ", "", None, "Venus"]
    assert doubts(line(100), {"prediction": texts}) == ["bm25+reader: 2 of 5 predictions are empty"]
    assert doubts(line(100), {"prediction": ["x"] * 19 + ["", None]}) == []
    thinking = line(100)
    thinking.config.reader = {"lm": {"max_tokens": 64}}
    assert doubts(thinking, {"prediction": texts}) == [
        "bm25+reader: 2 of 5 predictions are empty: if the model thinks first, "
        "reader.lm.max_tokens=64 may end before it answers"
    ]
