"""A labelled set in BEIR's layout on the same line as everything else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import log2
from pathlib import Path

import pytest
from bench_helpers import error_line, figures, good, only, qa, read_csv, write_jsonl

pytest.importorskip("ir_measures")

DOCUMENTS = {
    "bridge": "The swing bridge was designed by Clara Holm.",
    "toll": "The toll house beside the swing bridge was designed by Erik Lund.",
    "museum": "The museum is closed on Mondays.",
    "market": "The market is held on Tuesdays.",
    "bare": "",
}
QUERIES = {"q1": "who designed the swing bridge", "q2": "museum closed", "q9": "not in this split"}
QRELS = [("q1", "bridge", 2), ("q1", "toll", 1), ("q1", "gone", 1), ("q2", "market", 1)]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "town"
    documents = ({"_id": pid, "title": pid, "text": text} for pid, text in DOCUMENTS.items())
    write_jsonl(folder / "corpus.jsonl", documents)
    write_jsonl(folder / "queries.jsonl", ({"_id": q, "text": text} for q, text in QUERIES.items()))
    (folder / "qrels").mkdir()
    lines = ["query-id\tcorpus-id\tscore", *("\t".join(map(str, row)) for row in QRELS)]
    (folder / "qrels/test.tsv").write_text("\n".join(lines) + "\n")
    return tmp_path


def words(verb: str, *more: str) -> Sequence[str]:
    return (
        verb, *(("-m",) if "-m" in more else ()), "dataset=beir", "dataset.path=town",
        "corpus=beir", "corpus.path=town", *(word for word in more if word != "-m"),
    )  # fmt: skip


def trec(place: Path, **ranked: str) -> str:
    """A run in which every hit has the same score."""
    rows = [
        f"{qid} Q0 {pid} {rank} 1 theirs"
        for qid, pids in ranked.items()
        for rank, pid in enumerate(pids.split(), 1)
    ]
    (place / "theirs.trec").write_text("\n".join(rows) + "\n")
    return "run=theirs.trec"


@pytest.mark.java
def test_two_retrievers_in_one_table(place: Path) -> None:
    """One command; BM25 finds both documents about the bridge first, and one of three is gone."""
    done = good(*words("run", "-m", "retriever=bm25,minilm", "--json"), cwd=place)
    bm25, minilm = figures(done)
    assert (bm25["system"], minilm["system"], bm25["n"]) == ("bm25", "minilm", 2)
    ideal = 2 + 1 / log2(3) + 1 / log2(4)
    first = only(place.glob("results/default/beir-test--bm25--*.csv"))
    q1, q2 = read_csv(first)
    assert (q1["qid"], q2["qid"]) == ("q1", "q2")
    assert list(q1) == [
        "qid", "question", "passages", "ndcg@10", "recall@20", "recall@100", "map", "mrr",
    ]  # fmt: skip
    assert float(q1["ndcg@10"]) == pytest.approx((2 + 1 / log2(3)) / ideal)
    assert float(q1["recall@20"]) == pytest.approx(2 / 3)
    assert float(q1["map"]) == pytest.approx(2 / 3)
    assert bm25["mrr"] == pytest.approx((float(q1["mrr"]) + float(q2["mrr"])) / 2)
    table = (place / "results/default.md").read_text()
    for head in ("beir NDCG@10", "beir RECALL@20 | beir RECALL@100", "beir MAP", "beir MRR"):
        assert f"| system | {head} |\n" in table
    assert "`beir ndcg@10|match:qrels|" in table
    manifest = only(place.glob("data/cache/score/beir-test-bm25-*/manifest.json"))
    assert json.loads(manifest.read_text())["counts"]["relevant_absent"] == 1


def test_somebody_elses_run(place: Path) -> None:
    given = trec(place, q1="museum bridge bare toll")
    done = good(*words("import", given, "--json"), cwd=place)
    (line,) = figures(done)
    ideal = 2 + 1 / log2(3) + 1 / log2(4)
    assert line["ndcg@10"] == pytest.approx((2 / log2(3) + 1 / log2(5)) / ideal / 2)
    assert line["mrr"] == pytest.approx(0.25)
    assert not [name for name in line if name.startswith("answer_recall")]


def test_other_measures(place: Path) -> None:
    given = trec(place, q1="museum bridge", q2="museum market")
    asked = "metrics.relevance.measures=[P@1,Judged@2]"
    (line,) = figures(good(*words("import", given, asked, "--json"), cwd=place))
    assert (line["precision@1"], line["judged@2"]) == (0, 0.5)
    told = error_line(qa(*words("import", given, "metrics.relevance.measures=[nDCK@1]"), cwd=place))
    assert told.startswith("metric relevance: ir_measures refuses a measure (")


def test_a_run_of_another_corpus(place: Path) -> None:
    told = error_line(qa(*words("import", trec(place, q1="elsewhere")), cwd=place))
    assert "hits name passages that the corpus lacks, first 'elsewhere'" in told


def test_predictions_have_nothing_to_be_compared_with(place: Path) -> None:
    write_jsonl(place / "answers.jsonl", [{"id": "q1", "prediction": "Clara Holm"}])
    told = error_line(qa(*words("score", "predictions=answers.jsonl"), cwd=place))
    assert "applies to predictions for beir test, which has relevance judgements" in told


def test_nothing_is_left_of_a_wrong_folder(place: Path) -> None:
    told = error_line(qa(*words("import", trec(place, q1="toll"), "dataset.split=dev"), cwd=place))
    assert told == "no such file: town/qrels/dev.tsv; splits with judgements there: test"
    assert not (place / "results").exists()
