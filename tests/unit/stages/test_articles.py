"""Passages know their articles; runs of articles are scored by them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from identified import identified

from qa_bench.chunker.sentences import Sentences
from qa_bench.chunker.words import Words
from qa_bench.corpus.jsonl import JsonlArticles
from qa_bench.corpus.psgs_w100 import PsgsW100
from qa_bench.engine.context import Context
from qa_bench.errors import UserError
from qa_bench.formats.run_writers import write_dpr_json
from qa_bench.metric.evidence import Evidence
from qa_bench.stages import chunk_processes
from qa_bench.stages.articles import articles
from qa_bench.stages.chunk import chunk
from qa_bench.stages.import_run import ForeignFile, import_run
from qa_bench.store.passages import Passages
from qa_bench.store.runs import RUN_FILE, ids_of_both, read_run, rows_of
from qa_bench.types import Question, QuestionSet, Run

TEXTS = {"m-1": "one two three four", "m-2": "", "m-3": "five Oslo", "m-4": "six Os seven lo"}
QUESTIONS = QuestionSet(
    "nq",
    "test",
    "string",
    tuple(
        Question(f"q{n}", f"question {n}", (answer,))
        for n, answer in enumerate(("three four", "two three", "Oslo", "five"))
    ),
    digest="0" * 64,
)


def corpus(folder: Path) -> Any:
    path = folder / "a.jsonl"
    rows = ({"id": i, "title": f"T {i}", "text": text} for i, text in TEXTS.items())
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return identified(JsonlArticles("own", str(path)), part="Jsonl")


def chunked(folder: Path, context: Context) -> Any:
    return chunk(corpus(folder), identified(Words(size=2), size=2), context)


def trec(folder: Path, lines: dict[str, list[str]]) -> ForeignFile:
    path = folder / "run.trec"
    path.write_text(
        "".join(
            f"{qid} Q0 {article} {rank} {100 - rank} x\n"
            for qid, ids in lines.items()
            for rank, article in enumerate(ids, 1)
        )
    )
    return ForeignFile(path, QUESTIONS)


def collection(stage: Any, context: Context) -> Passages:
    return Passages(context.run(stage).path)


def test_a_passage_knows_its_article(tmp_path: Path, context: Context) -> None:
    passages = collection(chunked(tmp_path, context), context)
    assert passages.has_sources
    rows = np.array([4, 0, 2, 1])
    assert list(passages.sources(rows)) == ["m-4", "m-1", "m-3", "m-1"]
    assert [tuple(passages[row]) for row in (0, 2)] == [
        ("1", "T m-1", "one two"),
        ("3", "T m-3", "five Oslo"),
    ]
    assert list(passages)[4].text == "seven lo"
    assert {len(batch) for batch in passages.batches()} == {4}


def test_sources_of_a_chunker_in_processes(
    tmp_path: Path, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunk_processes, "_BATCH_CHARACTERS", 5)
    passages = collection(chunk(corpus(tmp_path), identified(Sentences()), context), context)
    assert list(passages.sources(np.arange(len(passages)))) == ["m-1", "m-3", "m-4"]


def test_ready_made_passages(tmp_path: Path, context: Context) -> None:
    path = tmp_path / "p.tsv"
    path.write_text("id\ttext\ttitle\n7\tx\tA\n8\ty\tB\n")
    stage = chunk(identified(PsgsW100("own", str(path))), Words(), context)
    passages = collection(stage, context)
    assert (stage.version, passages.has_sources) == (1, False)
    assert list(passages.sources(np.array([1, 0]))) == ["8", "7"]
    path.write_text("id\ttext\ttitle\tsource\n7\tx\tA\tm\n8\ty\tB\t\n9\tz\tB\tm\n")
    fresh = Context(context.cache, context.runtime)
    passages = collection(chunk(identified(PsgsW100("own", str(path))), Words(), fresh), fresh)
    assert passages.has_sources
    assert list(passages.sources(np.arange(3))) == ["m", "8", "m"]


def test_an_article_holds_what_one_of_its_passages_holds(tmp_path: Path, context: Context) -> None:
    passages = chunked(tmp_path, context)
    ids = ["m-4", "m-1", "m-3"]
    run = import_run(trec(tmp_path, {q.qid: ids for q in QUESTIONS}), "own", context)
    named = articles(run, passages, "own", "run.trec", context)
    whole = collection(named, context)
    assert [passage.pid for passage in whole] == ["m-1", "m-3", "m-4"]
    assert whole[0].title == "T m-1"
    assert whole[0].text.split("\n␟\n") == ["one two", "three four"]
    imported = read_run(context.run(run).path / RUN_FILE)
    evidence = Evidence(QUESTIONS, "dpr", imported, whole)
    ranks = evidence.first_ranks
    assert ranks is not None
    assert ranks.tolist() == [2, 0, 3, 3]  # "two three" lies across two passages
    for mode in ("drqa", "pyserini", "flashrag", "kilt"):
        again = Evidence(QUESTIONS, mode, imported, whole).first_ranks
        assert again is not None
        assert again.tolist() == [2, 0, 3, 3], mode


def test_an_article_that_is_not_there(tmp_path: Path, context: Context) -> None:
    passages = chunked(tmp_path, context)
    run = import_run(trec(tmp_path, {"q0": ["m-1", "m-2", "x"]}), "own", context)
    with pytest.raises(UserError, match=r"run\.trec: 2 of 3 articles have no passage .* 'm-2'"):
        context.run(articles(run, passages, "own", "run.trec", context))


def test_a_corpus_that_does_not_tell(tmp_path: Path, context: Context) -> None:
    path = tmp_path / "p.tsv"
    path.write_text("id\ttext\ttitle\n7\tx\tA\n")
    passages = chunk(identified(PsgsW100("own", str(path))), Words(), context)
    run = import_run(trec(tmp_path, {"q0": ["7"]}), "own", context)
    with pytest.raises(UserError, match="does not tell of which article"):
        context.run(articles(run, passages, "own", "run.trec", context))


def test_ids_of_articles_taken_for_passages(tmp_path: Path, context: Context) -> None:
    passages = collection(chunked(tmp_path, context), context)
    run = Run.of(["q0"], [["m-1"]], [[1]])
    with pytest.raises(UserError, match="the id of an article: run_ids=articles"):
        rows_of(run, passages)
    with pytest.raises(UserError, match="is it another corpus"):
        rows_of(Run.of(["q0"], [["m-9"]], [[1]]), passages)


def test_ids_of_both(tmp_path: Path, context: Context) -> None:
    path = tmp_path / "n.jsonl"
    rows = ({"id": n, "title": "", "text": "a b c d"} for n in (3, 1, 2))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    own = identified(JsonlArticles("own", str(path)))
    passages = collection(chunk(own, identified(Words(size=2)), context), context)
    for ids, both in ((["1", "3"], True), (["1", "6"], False), (["9"], False), ([], False)):
        assert ids_of_both(Run.of(["q0"], [ids], [[1.0] * len(ids)]), passages) == both
    whole = collection(chunk(own, identified(Words(size=9), size=9), context), context)
    assert ids_of_both(Run.of(["q0"], [["2"]], [[1]]), whole)


def test_the_source_is_in_dprs_json(tmp_path: Path, context: Context) -> None:
    passages = collection(chunked(tmp_path, context), context)
    run = Run.of([q.qid for q in QUESTIONS], [["3", "1"], [], [], ["2"]], [[2, 1], [], [], [1]])
    path = tmp_path / "out.json"
    with path.open("w") as file:
        write_dpr_json(file, run, QUESTIONS, passages, lambda *_: lambda *_: False)
    entries = json.loads(path.read_text())
    assert [[c["source"] for c in entry["ctxs"]] for entry in entries] == [
        *(["m-3", "m-1"], [], [], ["m-1"])
    ]
