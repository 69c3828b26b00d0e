"""The embedded demonstration: the data that ship, and the tables that come of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import forks
import pyarrow.parquet as pq
import pytest
from bench_helpers import (
    METRICS,
    SETS,
    bytes_of,
    figures,
    good,
    only,
    read_csv,
    read_jsonl,
    run_folder,
    sample_questions,
    stage_folders,
)

from qa_bench import has_answer
from qa_bench.paths import SAMPLE
from qa_bench.report.table import COSTS

NOTE = "Demonstration on the embedded sample"
ARTICLES = {row["title"]: row["text"] for row in read_jsonl(SAMPLE / "articles.jsonl")}


SYSTEMS = ("bm25", "minilm", "hybrid_rrf", "hybrid_linear")
READER = "redundancy"


def table_rows(folder: Path, name: str = "sample") -> list[dict[str, str]]:
    return read_csv(folder / "results" / f"{name}.csv")


def told(folder: Path, system: str = "bm25") -> list[dict[str, Any]]:
    """The JSON lines of one retriever's system."""
    lines = map(json.loads, (folder / "stdout.txt").read_text().splitlines())
    return [line for line in lines if line["system"] == f"{system}+{READER}"]


def per_question(folder: Path, dataset: str) -> list[dict[str, str]]:
    return read_csv(only((folder / "results" / "sample").glob(f"{dataset}-sample--bm25+*.csv")))


def test_articles() -> None:
    rows = read_jsonl(SAMPLE / "articles.jsonl")
    assert len(rows) == len({row["id"] for row in rows}) == len(ARTICLES) >= 60
    lengths = {title: len(text.split()) for title, text in ARTICLES.items()}
    assert {t: n for t, n in lengths.items() if not 150 <= n <= 700} == {}


@pytest.mark.parametrize("name", SETS)
def test_questions(name: str) -> None:
    """Every question can be answered from the article it was written about."""
    rows = sample_questions(name)
    match = "regex" if name == "curatedtrec" else "string"
    assert len(rows) == 36
    assert len({row["id"] for row in rows}) == len({row["question"] for row in rows}) == 36
    for row in rows:
        text = ARTICLES[row["article"]]
        assert has_answer(text, row["answers"], match), row["question"]
        assert any(has_answer(text, [answer], match) for answer in row["answers"])
        assert all(answer.strip() for answer in row["answers"])


@pytest.mark.parametrize("name", SETS)
def test_answers_do_not_match_everything(name: str) -> None:
    match = "regex" if name == "curatedtrec" else "string"
    for row in sample_questions(name):
        held = sum(has_answer(text, row["answers"], match) for text in ARTICLES.values())
        assert held <= len(ARTICLES) / 2, (row["question"], held)


@pytest.mark.java
@pytest.mark.parametrize("system", SYSTEMS)
def test_json_lines(system: str, sample_run: Path) -> None:
    lines = told(sample_run, system)
    assert [line["dataset"] for line in lines] == list(SETS)
    for line in lines:
        assert (line["split"], line["n"]) == ("sample", 36)
        assert 0.5 < line["answer_recall@20"] <= 1
        recalls = [line[metric] for metric in METRICS[:4]]
        assert recalls == sorted(recalls)
        assert all(round(recall * 36, 9).is_integer() for recall in recalls)
        assert line["passages"] == 269
        assert line["questions_per_s"] > 0
        assert line["index_mb"] > 0


@pytest.mark.java
def test_figures_of_bm25(sample_run: Path) -> None:
    lines = told(sample_run)
    assert lines[0]["answer_recall@1"] == 24 / 36
    assert lines[0]["answer_recall@20"] == 33 / 36
    assert lines[4]["answer_recall@20"] == 28 / 36


@pytest.mark.java
@pytest.mark.parametrize("system", SYSTEMS)
def test_answers_are_read(system: str, sample_run: Path) -> None:
    """By a reader without a model: some are right, most are not."""
    for line in told(sample_run, system):
        assert round(line["em"] * 36, 9).is_integer()
        assert 0.05 < line["em"] < 0.4
        if line["dataset"] == "curatedtrec":
            assert "f1" not in line
        else:
            assert line["em"] <= line["f1"] < 0.4


@pytest.mark.java
def test_hybrids_find_more_than_their_parts(sample_run: Path) -> None:
    """Over the five sets together, as in every paper."""
    means = {
        system: sum(line["mrr"] for line in told(sample_run, system)) / 5 for system in SYSTEMS
    }
    assert means["hybrid_linear"] > means["minilm"] > means["bm25"]
    assert means["hybrid_rrf"] > means["minilm"]


@pytest.mark.java
def test_csv(sample_run: Path) -> None:
    rows = table_rows(sample_run)
    assert [row["system"] for row in rows] == [f"{system}+{READER}" for system in SYSTEMS]
    row = rows[0]
    assert row["corpus"] == "sample/dpr_w100"
    for line in told(sample_run):
        column = f"{line['dataset']}-sample"
        assert row[f"{column}/n"] == "36"
        for metric in METRICS:
            assert row[f"{column}/{metric}"] == f"{line[metric]:.6f}"
            match = "regex" if line["dataset"] == "curatedtrec" else "string"
            assert re.fullmatch(
                rf"{metric}\|match:{match}\|tok:dpr\|n:36\|questions:[0-9a-f]{{8}}\|v:.+",
                row[f"{column}/{metric}/signature"],
            )
    assert row["passages"] == "269"


@pytest.mark.java
def test_markdown(sample_run: Path) -> None:
    lines = (sample_run / "results" / "sample.md").read_text().splitlines()
    assert lines[0] == "# sample"
    note = next(line for line in lines if line.startswith("> "))
    assert note.startswith(f"> **{NOTE}")
    assert sum(NOTE in line for line in lines) == 1
    head, _, row = [line for line in lines if line.startswith("|")][:3]
    headers = [cell.strip() for cell in head.strip("|").split("|")]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert f"All rows: +{READER} (sample/dpr_w100)" in lines
    sets = [f"{name}-sample" for name in SETS]
    assert headers == ["system", *(f"{one} Top-{k}" for k in (1, 5) for one in sets)]
    shown = dict(zip(headers, cells, strict=True))
    assert shown["system"] == "bm25"
    assert shown["nq-sample Top-1"].startswith("66.67 ±14.7")
    assert shown["squad-sample Top-5"].startswith("58.33 ±15.3")
    f1 = next(line for line in lines if line.startswith("|") and " F1 |" in line)
    assert "curatedtrec" not in f1, "patterns have no F1"
    assert not any("[" in cell for cell in cells), "a published figure beside the sample's"


@pytest.mark.java
@pytest.mark.parametrize("dataset", SETS)
def test_questions_one_by_one(dataset: str, sample_run: Path) -> None:
    rows = per_question(sample_run, dataset)
    asked = sample_questions(dataset)
    assert [row["qid"] for row in rows] == [question["id"] for question in asked]
    assert [row["question"] for row in rows] == [
        question["question"].replace("’", "'") for question in asked
    ]
    line = next(line for line in told(sample_run) if line["dataset"] == dataset)
    for metric in METRICS:
        assert sum(float(row[metric]) for row in rows) / 36 == pytest.approx(line[metric])
    for row in rows:
        rank = int(row["first_rank"])
        assert [float(row[f"answer_recall@{k}"]) for k in (1, 5, 20, 100)] == [
            float(0 < rank <= k) for k in (1, 5, 20, 100)
        ]
        assert float(row["mrr"]) == pytest.approx(1 / rank if rank else 0)


@pytest.mark.java
def test_first_ranks_are_those_of_the_passages(sample_run: Path) -> None:
    """Counted again here, from the run and the passages on disk."""
    from qa_bench.store.passages import open_passages

    passages = open_passages(only(stage_folders(sample_run, "chunk")))
    texts = {passage.pid: passage.text for passage in passages}
    for name, match in (("nq", "string"), ("curatedtrec", "regex")):
        run = pq.read_table(run_folder(sample_run, name) / "run.parquet")
        ranked: dict[str, list[str]] = {}
        for hit in run.to_pylist():
            ranked.setdefault(hit["qid"], []).append(hit["pid"])
            assert hit["rank"] == len(ranked[hit["qid"]])
        answers = {row["id"]: row["answers"] for row in sample_questions(name)}
        for row in per_question(sample_run, name):
            pids = ranked.get(row["qid"], [])
            assert len(pids) <= 100
            held = [has_answer(texts[pid], answers[row["qid"]], match) for pid in pids]
            first = held.index(True) if True in held else None
            assert int(row["first_rank"]) == (0 if first is None else first + 1)
            assert row["first_pid"] == ("" if first is None else pids[first])
            best = json.loads(row["passages"])
            assert [hit["pid"] for hit in best] == pids[:10]
            assert [hit["rank"] for hit in best] == list(range(1, len(best) + 1))
            assert all(hit["title"] in ARTICLES for hit in best)
            assert row["prediction"]


@pytest.mark.java
def test_repeated_elsewhere(sample_run: Path, tmp_path: Path) -> None:
    """Another folder, another Python, one thread: the same but for times and Lucene's files."""
    words = ("run", "experiment=sample", "runtime.threads=1")
    done = forks.fresh(*words, cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stderr
    ours, theirs = table_rows(tmp_path), table_rows(sample_run)
    for row in (*ours, *theirs):
        for cost in COSTS:
            row.pop(cost, None)
    assert ours == theirs
    for stage, count in (
        ("chunk", 1),
        ("search", 20),
        ("complete", 5),
        ("fuse", 10),
        ("read", 20),
        ("score", 20),
    ):
        here, there = (stage_folders(folder, stage) for folder in (tmp_path, sample_run))
        assert [folder.name for folder in here] == [folder.name for folder in there]
        assert len(here) == count
        for one, other in zip(here, there, strict=True):
            assert bytes_of(one) == bytes_of(other), one.name
    questions = [{p.name: p.read_bytes() for p in (folder / "results/sample").glob("*.csv")}
                 for folder in (tmp_path, sample_run)]  # fmt: skip
    assert questions[0] == questions[1]
    assert len(questions[0]) == 20


@pytest.mark.java
def test_second_run_reuses(sample_run: Path, copied: Callable[[Path], Path]) -> None:
    folder = copied(sample_run)
    kept = bytes_of(folder / "data", skip=("multirun.yaml",))
    table = (folder / "results" / "sample.csv").read_bytes()
    done = forks.fresh("run", "-v", "experiment=sample", cwd=folder)  # with another seed of hash()
    assert done.returncode == 0, done.stderr
    assert "building" not in done.stderr
    for stage in ("chunk", "index", "search", "complete", "fuse", "read", "score"):
        assert re.search(rf"^{stage}: reusing ", done.stderr, re.MULTILINE)
    assert bytes_of(folder / "data", skip=("multirun.yaml",)) == kept
    assert (folder / "results" / "sample.csv").read_bytes() == table
    assert NOTE in done.stdout
    lines = done.stdout.splitlines()
    assert all(len(line) <= 80 for line in lines if NOTE not in line)
    heads = [line.split()[0] for line in lines if "-sample (36)" in line]
    assert list(dict.fromkeys(heads)) == [f"{name}-sample" for name in SETS]
    shown = [line.split() for line in lines if line.startswith("bm25 ")]
    assert len(shown) == 2 * len(SETS), "a block of ranks, and one of answers"
    assert "91.67" in shown[0]
    told = [line for line in done.stderr.splitlines() if re.match(r"\d+/20 ", line)]
    assert told[0] == "1/20 bm25+redundancy nq-sample  Top-20 91.67"
    assert len(told) == 20


@pytest.mark.java
def test_manifests(sample_run: Path) -> None:
    for stage, parts in (
        ("chunk", {"articles": 68, "articles_without_passages": 0, "passages": 269}),
        ("index", {"passages": 269}),
        ("search", {"questions": 36}),
        ("score", {"questions": 36, "degenerate_answers": 0}),
    ):
        for folder in stage_folders(sample_run, stage):
            told = json.loads((folder / "manifest.json").read_text())
            assert parts.items() <= told["counts"].items()
            assert folder.name == f"{told['slug']}-{told['key']}"
            for name, output in told["outputs"].items():
                assert (folder / name).stat().st_size == output["bytes"]
            assert told["packages"]["qa-bench"]
            assert told["packages"]["pyserini"]
            assert told["wall_s"] >= 0
            assert told["peak_rss_mb"] > 10
            assert told["runtime"]["java_heap"] == "2g"


@pytest.mark.java
def test_one_set_of_the_experiment(sample_run: Path, copied: Callable[[Path], Path]) -> None:
    done = good("run", "experiment=sample", "retriever=bm25", "dataset=squad", "name=one",
                "--json", cwd=copied(sample_run))  # fmt: skip
    (line,) = figures(done)
    assert (line["dataset"], line["answer_recall@20"]) == ("squad", 28 / 36)
