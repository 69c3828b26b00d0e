"""Anserini's own indexer and searcher, fed the same passages, give the same pids and scores."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from bench_helpers import (
    SETS,
    good,
    only,
    python,
    run_folder,
    sample_questions,
    stage_folders,
    write_jsonl,
)

from qa_bench.store.passages import open_passages

pytestmark = pytest.mark.java

SCRIPT = """
import json, sys
from qa_bench.retriever.bm25.java import start_jvm

settings = json.loads(sys.argv[1])
autoclass = start_jvm("1g")
arguments = ["-collection", "JsonCollection", "-generator", "DefaultLuceneDocumentGenerator"]
arguments += ["-threads", "1", "-input", "passages", "-index", "index"]
autoclass("io.anserini.index.IndexCollection").main(arguments)
searcher = autoclass("io.anserini.search.SimpleSearcher")("index")
searcher.set_bm25(settings["k1"], settings["b"])
found = {}
for line in open("questions.jsonl"):
    row = json.loads(line)
    hits = searcher.search(row["question"], settings["depth"])
    found[row["id"]] = [(hit.docid.lstrip("0"), hit.score) for hit in hits]
json.dump(found, open("found.json", "w"))
"""

Ranked = dict[str, list[tuple[str, float]]]


def ours(folder: Path, name: str, depth: int = 100) -> Ranked:
    path = run_folder(folder, name, depth=depth)
    ranked: Ranked = {}
    for hit in pq.read_table(path / "run.parquet").to_pylist():
        ranked.setdefault(hit["qid"], []).append((hit["pid"], hit["score"]))
    return ranked


def theirs(folder: Path, k1: float, b: float, depth: int, names: tuple[str, ...]) -> Ranked:
    passages = open_passages(only(stage_folders(folder, "chunk")))
    write_jsonl(
        folder / "passages" / "p.jsonl",
        (
            {"id": pid.zfill(6), "contents": f"{title}\n{text}"}  # so that text order is theirs
            for pid, title, text in passages
        ),
    )
    write_jsonl(folder / "questions.jsonl", (row for n in names for row in sample_questions(n)))
    settings = json.dumps({"k1": k1, "b": b, "depth": depth})
    done = python("-c", SCRIPT, settings, cwd=folder)
    assert done.returncode == 0, done.stderr
    found = json.loads((folder / "found.json").read_text())
    return {qid: [(pid, score) for pid, score in hits] for qid, hits in found.items()}


def agree(mine: Ranked, other: Ranked) -> int:
    """Compare question by question; the count of hits compared."""
    compared = 0
    for qid, hits in other.items():
        got = mine.get(qid, [])
        assert [pid for pid, _ in got] == [pid for pid, _ in hits], qid
        assert [score for _, score in got] == [score for _, score in hits], qid
        compared += len(got)
    return compared


def test_all_five_sets_as_they_are_run(sample_run: Path, copy_of_sample: Path) -> None:
    found = theirs(copy_of_sample, 0.9, 0.4, 100, SETS)
    assert len(found) == 180
    mine: Ranked = {}
    for name in SETS:
        mine |= ours(sample_run, name)
    assert agree(mine, found) > 10_000


@pytest.mark.soak
def test_every_hit_with_other_settings(copy_of_sample: Path) -> None:
    words = ("corpus=sample", "dataset=squad", "dataset.split=sample")
    changes = ("retriever.k1=1.2", "retriever.b=0.75", "depth=1000")
    good("search", *words, *changes, "paths.cache=other/data/cache", cwd=copy_of_sample)
    found = theirs(copy_of_sample, 1.2, 0.75, 1000, ("squad",))
    assert agree(ours(copy_of_sample / "other", "squad", 1000), found) > 4000


@pytest.fixture
def copy_of_sample(sample_run: Path, copied: object) -> Path:
    folder: Path = copied(sample_run)  # type: ignore[operator]
    return folder
