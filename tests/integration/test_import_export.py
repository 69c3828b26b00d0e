"""Files of other systems come in and go out, and the figures stay what they were."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from bench_helpers import (
    METRICS,
    SAMPLE_NQ,
    figures,
    good,
    only,
    read_csv,
    read_jsonl,
    sample_questions,
    stage_folders,
    values,
    write_jsonl,
)

from qa_bench.paths import SAMPLE
from qa_bench.store.passages import Passages, open_passages

QUESTIONS = ("dataset=nq", "dataset.split=sample")


@pytest.fixture(scope="session")
def ours(nq_run: Path) -> dict[str, float]:
    line = json.loads((nq_run / "stdout.txt").read_text())
    return {metric: line[metric] for metric in METRICS}


@pytest.fixture(scope="session")
def hits(nq_run: Path) -> list[dict[str, object]]:
    table = pq.read_table(only(stage_folders(nq_run, "search")) / "run.parquet")
    rows: list[dict[str, object]] = table.to_pylist()
    return rows


@pytest.fixture(scope="session")
def passages(nq_run: Path) -> Passages:
    return Passages(only(stage_folders(nq_run, "chunk")))


@pytest.mark.java
def test_our_figures(ours: dict[str, float]) -> None:
    assert ours["answer_recall@20"] == 33 / 36
    assert ours["mrr"] == pytest.approx(0.75928033)


@pytest.mark.java
def test_trec(nq_cache: Path, ours: dict[str, float], hits: list[dict[str, object]]) -> None:
    done = good("export", "what=run", "format=trec", "out=mine.trec", *SAMPLE_NQ, cwd=nq_cache)
    assert done.stdout == f"mine.trec: {len(hits)} hits\n"
    assert not (nq_cache / "results").exists()
    rows = [line.split() for line in (nq_cache / "mine.trec").read_text().splitlines()]
    assert [(row[0], row[2], int(row[3])) for row in rows] == [
        (hit["qid"], hit["pid"], hit["rank"]) for hit in hits
    ]
    assert {row[5] for row in rows} == {"bm25"}
    assert [float(row[4]) for row in rows] == pytest.approx(
        [hit["score"] for hit in hits], abs=1e-6
    )
    done = good("import", "run=mine.trec", *SAMPLE_NQ, "--json", cwd=nq_cache)
    assert values(done) == ours
    assert figures(done)[0]["system"] == "mine"
    imported = pq.read_table(only(stage_folders(nq_cache, "import")) / "run.parquet").to_pylist()
    assert [(h["qid"], h["rank"], h["pid"]) for h in imported] == [
        (h["qid"], h["rank"], h["pid"]) for h in hits
    ]


@pytest.mark.java
def test_trec_in_any_order(nq_cache: Path, ours: dict[str, float]) -> None:
    """Scores rank the hits, not the order of the lines."""
    good("export", "what=run", "format=trec", "out=mine.trec", *SAMPLE_NQ, cwd=nq_cache)
    lines = (nq_cache / "mine.trec").read_text().splitlines(keepends=True)
    (nq_cache / "upside.trec").write_text("".join(reversed(lines)))
    done = good("import", "run=upside.trec", *SAMPLE_NQ, "--json", cwd=nq_cache)
    assert values(done) == ours


@pytest.mark.java
@pytest.mark.parametrize("name", ["mine.json", "mine.json.gz"])
def test_dpr_json(
    name: str, nq_cache: Path, tmp_path: Path, ours: dict[str, float], passages: Passages
) -> None:
    good("export", "what=run", "format=dpr", f"out={name}", *SAMPLE_NQ, cwd=nq_cache)
    raw = (nq_cache / name).read_bytes()
    entries = json.loads(gzip.decompress(raw) if name.endswith(".gz") else raw)
    asked = sample_questions("nq")
    assert [entry["question"] for entry in entries] == [row["question"] for row in asked]
    assert [entry["answers"] for entry in entries] == [row["answers"] for row in asked]
    held = sum(any(hit["has_answer"] for hit in entry["ctxs"][:20]) for entry in entries)
    assert held / 36 == ours["answer_recall@20"]
    first = entries[0]["ctxs"][0]
    assert set(first) == {"id", "title", "text", "source", "score", "has_answer"}
    assert tuple(passages[int(first["id"]) - 1]) == (first["id"], first["title"], first["text"])

    alone = tmp_path / "alone"  # neither corpus nor index: the texts are in the file
    alone.mkdir()
    done = good("import", f"run={nq_cache / name}", *QUESTIONS, "--json", cwd=alone)
    assert values(done) == ours
    assert stage_folders(alone, "chunk") == []


def pyserini_json(
    hits: list[dict[str, object]], passages: Passages, texts: bool, own_ids: bool
) -> dict[str, object]:
    """As ``pyserini.eval.convert_trec_run_to_dpr_retrieval_run`` writes it."""
    asked = sample_questions("nq")
    place = {row["id"]: number for number, row in enumerate(asked)}
    made: dict[str, dict[str, object]] = {
        (row["id"] if own_ids else str(number)): {
            "question": row["question"],
            "answers": row["answers"],
            "contexts": [],
        }
        for number, row in enumerate(asked)
    }
    for hit in hits:
        key = str(hit["qid"] if own_ids else place[str(hit["qid"])])
        context = {"docid": hit["pid"], "score": str(hit["score"]), "has_answer": False}
        if texts:
            _, title, text = passages[int(str(hit["pid"])) - 1]
            context["text"] = f"{title}\n{text}"
        made[key]["contexts"].append(context)  # type: ignore[attr-defined]
    return dict(made)


@pytest.mark.java
@pytest.mark.parametrize("own_ids", [True, False])
@pytest.mark.parametrize("texts", [True, False])
def test_pyserini_json(
    texts: bool,
    own_ids: bool,
    nq_cache: Path,
    hits: list[dict[str, object]],
    passages: Passages,
    ours: dict[str, float],
) -> None:
    made = pyserini_json(hits, passages, texts, own_ids)
    (nq_cache / "theirs.json").write_text(json.dumps(made))
    corpus = () if texts else ("corpus=sample",)
    done = good("import", "run=theirs.json", *corpus, *QUESTIONS, "--json", cwd=nq_cache)
    assert values(done) == ours


@pytest.mark.java
def test_a_question_without_hits_stays_in_the_denominator(
    nq_cache: Path, hits: list[dict[str, object]], ours: dict[str, float]
) -> None:
    deep = next(hit["qid"] for hit in hits if hit["rank"] == 100)
    first = [hit for hit in hits if hit["qid"] == deep]
    write_trec = [f"{h['qid']} Q0 {h['pid']} {h['rank']} {h['score']} x\n" for h in first]
    (nq_cache / "one.trec").write_text("".join(write_trec))
    done = good("import", "run=one.trec", *SAMPLE_NQ, "--json", cwd=nq_cache)
    (line,) = figures(done)
    assert line["n"] == 36
    assert line["answer_recall@100"] == 1 / 36


@pytest.mark.java
def test_passages(nq_cache: Path, ours: dict[str, float], nq_run: Path) -> None:
    """Out as DPR's TSV, in again as a corpus: the same passages and figures."""
    words = ("export", "what=passages", "format=psgs_w100", "corpus=sample")
    assert good(*words, "out=p.tsv", cwd=nq_cache).stdout == "p.tsv: 269 passages\n"
    good(*words, "out=p.tsv.gz", cwd=nq_cache)
    plain = (nq_cache / "p.tsv").read_bytes()
    assert gzip.decompress((nq_cache / "p.tsv.gz").read_bytes()) == plain
    with (nq_cache / "p.tsv").open(newline="") as file:
        rows = list(csv.reader(file, delimiter="\t"))
    assert rows[0] == ["id", "text", "title"]
    assert [row[0] for row in rows[1:]] == [str(n) for n in range(1, 270)]
    assert all(len(row[1].split()) == 100 for row in rows[1:])
    again = nq_cache / "again"
    again.mkdir()
    for name in ("p.tsv", "p.tsv.gz"):
        words = ("corpus=psgs_w100", f"corpus.path={nq_cache / name}", *QUESTIONS)
        done = good("run" if name == "p.tsv" else "chunk", *words, "--json", cwd=again)
        if name == "p.tsv":
            assert values(done) == ours
            ranked, first = (
                (only(stage_folders(folder, "search")) / "run.parquet").read_bytes()
                for folder in (again, nq_run)
            )
            assert ranked == first
    assert len(stage_folders(again, "chunk")) == 2
    first_passages = open_passages(only(stage_folders(nq_run, "chunk")))
    for folder in stage_folders(again, "chunk"):
        passages = open_passages(folder)
        assert len(passages) == len(first_passages) == 269
        assert all(passages[row] == first_passages[row] for row in range(269))


@pytest.mark.java
def test_export_again_is_the_same_file(nq_cache: Path) -> None:
    for words in (
        ("what=run", "format=trec"),
        ("what=run", "format=dpr"),
        ("what=passages", "format=psgs_w100"),
    ):
        out = [nq_cache / f"{number}.gz" for number in range(2)]
        for path in out:
            good("export", *words, f"out={path}", *SAMPLE_NQ, cwd=nq_cache)
        assert out[0].read_bytes() == out[1].read_bytes()
        assert len(out[0].read_bytes()) > 1000
    assert [path.name for path in nq_cache.glob(".*")] == []


@pytest.mark.java
def test_questions_of_your_own(nq_cache: Path, ours: dict[str, float]) -> None:
    words = ("corpus=sample", "dataset=file", f"dataset.path={SAMPLE / 'nq.jsonl'}")
    done = good("run", *words, "--json", cwd=nq_cache)
    assert values(done) == ours
    assert figures(done)[0]["dataset"] == "file"


@pytest.mark.java
def test_questions_of_your_own_as_dpr_csv(nq_cache: Path, ours: dict[str, float]) -> None:
    with (nq_cache / "q.csv").open("w", newline="") as file:
        writer = csv.writer(file, delimiter="\t")
        writer.writerows([row["question"], str(row["answers"])] for row in sample_questions("nq"))
    words = ("corpus=sample", "dataset=file", "dataset.path=q.csv", "dataset.name=mine")
    done = good("run", *words, "--json", cwd=nq_cache)
    assert values(done) == ours
    assert figures(done)[0]["dataset"] == "mine"
    rows = read_csv(only(nq_cache.glob("results/default/mine-test--*.csv")))
    assert rows[35]["qid"] == "mine-test-35"


@pytest.mark.java
def test_sweep(nq_cache: Path) -> None:
    done = good("run", "-m", *SAMPLE_NQ, "retriever.k1=0.9,1.2", "--json", cwd=nq_cache)
    assert [line["system"] for line in figures(done)] == ["bm25[k1=0.9]", "bm25[k1=1.2]"]
    assert "index: building" not in done.stderr
    rows = read_csv(nq_cache / "results" / "default.csv")
    assert [row["system"] for row in rows] == ["bm25[k1=0.9]", "bm25[k1=1.2]"]
    assert rows[0]["nq-sample/mrr"] == "0.759280"
    assert rows[0]["nq-sample/mrr"] != rows[1]["nq-sample/mrr"]
    text = (nq_cache / "results" / "default.md").read_text()
    assert "| bm25[k1=0.9] |" in text
    assert "| bm25[k1=1.2] |" in text


@pytest.mark.java
def test_two_chunkers_are_two_rows(nq_cache: Path) -> None:
    words = (*SAMPLE_NQ, "chunker=dpr_w100,words_100_50", "--json")
    done = good("run", "-m", *words, cwd=nq_cache)
    first, second = figures(done)
    assert first["passages"] == 269
    assert second["passages"] > 300
    text = (nq_cache / "results" / "default.md").read_text()
    assert "| bm25 (sample/dpr_w100) |" in text
    assert "| bm25 (sample/words_100_50) |" in text


def split_sample(folder: Path) -> list[dict[str, str]]:
    rows = read_jsonl(SAMPLE / "articles.jsonl")
    write_jsonl(folder / "parts" / "a.jsonl", rows[:30])
    write_jsonl(folder / "parts" / "b.jsonl", rows[30:])
    return rows


@pytest.mark.parametrize("path", ["parts/*.jsonl", "[parts/a.jsonl,parts/b.jsonl]"])
def test_a_corpus_of_several_files(path: str, tmp_path: Path) -> None:
    split_sample(tmp_path)
    good("chunk", "corpus=sample", cwd=tmp_path)
    done = good("chunk", "corpus=jsonl", f"corpus.path={path}", cwd=tmp_path)
    assert "68 articles" in done.stdout
    ours, sample = stage_folders(tmp_path, "chunk")
    assert ours.name.startswith("jsonl-")
    assert (ours / "passages-00000.arrow").read_bytes() == (
        sample / "passages-00000.arrow"
    ).read_bytes()


def test_files_are_read_in_the_order_given(tmp_path: Path) -> None:
    rows = split_sample(tmp_path)
    words = ("corpus=jsonl", "corpus.path=[parts/b.jsonl,parts/a.jsonl]")
    good("chunk", *words, cwd=tmp_path)
    passages = list(Passages(only(stage_folders(tmp_path, "chunk"))))
    titles = list(dict.fromkeys(passage.title for passage in passages))
    assert titles == [row["title"] for row in [*rows[30:], *rows[:30]]]
    assert [passage.pid for passage in passages] == [str(n) for n in range(1, 270)]


@pytest.mark.java
def test_a_run_of_the_users_own_retriever_beside_ours(
    nq_cache: Path, copied: Callable[[Path], Path]
) -> None:
    """Import and run write into one table."""
    good("run", *SAMPLE_NQ, cwd=nq_cache)
    good("export", "what=run", "format=trec", "out=theirs.trec", *SAMPLE_NQ, cwd=nq_cache)
    good("import", "run=theirs.trec", *SAMPLE_NQ, "system=Their system", cwd=nq_cache)
    rows = read_csv(nq_cache / "results" / "default.csv")
    assert [row["system"] for row in rows] == ["Their system", "bm25"]
    assert rows[0]["nq-sample/mrr"] == rows[1]["nq-sample/mrr"] == "0.759280"
    assert rows[0]["questions_per_s"] == ""


def test_plan(tmp_path: Path) -> None:
    done = good("plan", *SAMPLE_NQ, cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert lines[0].endswith("nq: 36 questions; depth 100")
    assert [line.split()[0] for line in lines[1:7]] == [
        "stage", "chunk", "index", "search", "score", "to",
    ]  # fmt: skip
    assert all(line.endswith(" build") for line in lines[2:6])
    assert stage_folders(tmp_path, "chunk") == []


@pytest.mark.java
def test_verbs_stop_at_their_stage(tmp_path: Path) -> None:
    for verb, stages in (
        ("chunk", ["chunk"]),
        ("index", ["chunk", "index"]),
        ("search", ["chunk", "index", "search"]),
    ):
        done = good(verb, *SAMPLE_NQ, cwd=tmp_path)
        there = [s for s in ("chunk", "index", "search", "score") if stage_folders(tmp_path, s)]
        assert there == stages
        assert str(only(stage_folders(tmp_path, verb)).relative_to(tmp_path)) in done.stdout
    assert not (tmp_path / "results").exists()


@pytest.mark.java
def test_table_again(sample_run: Path, copied: Callable[[Path], Path]) -> None:
    folder = copied(sample_run)
    before = (folder / "results" / "sample.csv").read_bytes()
    (folder / "results" / "sample.csv").unlink()
    (folder / "results" / "sample.md").unlink()
    done = good("table", "name=sample", cwd=folder)
    assert (folder / "results" / "sample.csv").read_bytes() == before
    assert (folder / "results" / "sample.md").is_file()
    assert "91.67" in done.stdout
