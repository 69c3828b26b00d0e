"""RM3 and Rocchio give the pids and scores of pyserini's ``LuceneSearcher``, on the sample."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from bench_helpers import (
    SAMPLE_NQ,
    error_line,
    good,
    only,
    python,
    qa,
    run_folder,
    sample_questions,
    stage_folders,
    write_jsonl,
)

from qa_bench.store.passages import open_passages

pytestmark = [
    pytest.mark.java,
    pytest.mark.skipif(
        not (importlib.util.find_spec("pyserini") and importlib.util.find_spec("faiss")),
        reason="pyserini's searchers need faiss",
    ),
]

SCRIPT = """
import json
from qa_bench.retriever.bm25.java import start_jvm

autoclass = start_jvm("1g")
arguments = ["-collection", "JsonCollection", "-generator", "DefaultLuceneDocumentGenerator"]
arguments += ["-threads", "1", "-input", "passages", "-index", "index", "-storeDocvectors"]
autoclass("io.anserini.index.IndexCollection").main(arguments)

from pyserini.search.lucene import LuceneSearcher

def found():
    searcher.set_bm25(0.9, 0.4)
    ranked = {}
    for line in open("questions.jsonl"):
        row = json.loads(line)
        hits = searcher.search(row["question"], 100)
        ranked[row["id"]] = [(hit.docid.lstrip("0"), hit.score) for hit in hits]
    return ranked

searcher = LuceneSearcher("index")
told = {}
searcher.set_rm3()
told["bm25_rm3"] = found()
searcher.set_rm3(fb_terms=25, fb_docs=5, original_query_weight=0.75)
told["bm25_rm3 changed"] = found()
searcher.set_rocchio()
told["bm25_rocchio"] = found()
json.dump(told, open("found.json", "w"))
"""

Ranked = dict[str, list[tuple[str, float]]]
RRF = ("retriever=hybrid_rrf", "retriever@retriever.parts.bm25=bm25_rm3")
LINEAR = ("retriever=hybrid_linear", "retriever@retriever.parts.bm25=bm25_rm3")


def ours(folder: Path, name: str) -> Ranked:
    ranked: Ranked = {}
    for hit in pq.read_table(run_folder(folder, "nq", name) / "run.parquet").to_pylist():
        ranked.setdefault(hit["qid"], []).append((hit["pid"], hit["score"]))
    return ranked


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which both have run."""
    folder = tmp_path_factory.mktemp("feedback")
    done = good("search", "-m", *SAMPLE_NQ, "retriever=bm25_rm3,bm25_rocchio", cwd=folder)
    (folder / "log").write_text(done.stderr)
    return folder


def test_both_share_one_index(first: Path) -> None:
    only(stage_folders(first, "index"))


def test_every_hit_is_pyserinis(first: Path) -> None:
    write_jsonl(
        first / "passages" / "p.jsonl",
        (
            {"id": pid.zfill(6), "contents": f"{title}\n{text}"}  # so that text order is theirs
            for pid, title, text in open_passages(only(stage_folders(first, "chunk")))
        ),
    )
    write_jsonl(first / "questions.jsonl", sample_questions("nq"))
    # pyserini makes a client of OpenAI's when it is imported, which wants a key.
    quiet = {"OPENAI_API_KEY": "unused", "HF_HUB_OFFLINE": "1"}
    done = python("-c", SCRIPT, cwd=first, env=quiet, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads((first / "found.json").read_text())
    found = {name: ours(first, name) for name in ("bm25_rm3", "bm25_rocchio")}
    changes = [
        f"retriever.feedback.{change}"
        for change in ("terms=25", "docs=5", "original_query_weight=0.75")
    ]
    done = good(
        *("search", *SAMPLE_NQ, "retriever=bm25_rm3", *changes, "depth=100"),
        "paths.cache=other/data/cache",
        cwd=first,
    )
    found["bm25_rm3 changed"] = ours(first / "other", "bm25_rm3")
    for name, theirs in told.items():
        assert len(theirs) == 36
        assert sum(map(len, theirs.values())) > 3000
        assert found[name] == {qid: [(pid, s) for pid, s in hits] for qid, hits in theirs.items()}
    assert found["bm25_rm3"] != found["bm25_rm3 changed"] != found["bm25_rocchio"]


def test_another_setting_searches_and_indexes_nothing(first: Path) -> None:
    done = good("search", *SAMPLE_NQ, "retriever=bm25_rm3", "retriever.feedback.docs=3", cwd=first)
    assert "index: reusing" in done.stderr
    assert "search: building" in done.stderr
    assert "feedback.docs was 10, is 3" in done.stderr


@pytest.mark.parametrize("words", [RRF, LINEAR], ids=["rrf", "linear"])
def test_a_part_of_a_hybrid(first: Path, words: tuple[str, ...]) -> None:
    done = good("run", *SAMPLE_NQ, *words, "retriever.parts_depth=20", "--json", cwd=first)
    (line,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert "parts.bm25=bm25_rm3" in line["system"]
    assert line["answer_recall@20"] > 0.9


def test_the_plan(first: Path) -> None:
    done = good("plan", *SAMPLE_NQ, "retriever=bm25_rocchio", cwd=first)
    assert "\nindex " in done.stdout
    assert "\nsearch " in done.stdout


def test_a_wrong_setting_is_one_line(first: Path) -> None:
    done = qa("search", *SAMPLE_NQ, "retriever=bm25_rm3", "retriever.feedback.docs=60", cwd=first)
    told = error_line(done)
    assert told == "retriever.feedback.docs: a whole number from 1 to 50, got '60'"
