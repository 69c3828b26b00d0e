"""Our fusions give the scores and the order of pyserini's, on random and on tied runs.

Order is compared up to ties: pyserini's ``HybridSearcher`` orders equal scores as a Python set
happens to, its ``fusion`` by document id as text, we by the corpus.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench_helpers import python

from qa_bench.fusion.combsum import CombSum
from qa_bench.fusion.interpolation import Interpolation
from qa_bench.fusion.rrf import ReciprocalRank
from qa_bench.store.hits import Hits
from qa_bench.store.passages import Passages, describe_passages, write_passages
from qa_bench.types import Passage, Run

pytestmark = [
    pytest.mark.java,  # pyserini starts one when it is imported
    pytest.mark.skipif(
        not (importlib.util.find_spec("pyserini") and importlib.util.find_spec("faiss")),
        reason="pyserini's HybridSearcher needs faiss",
    ),
]

SCRIPT = """
import json
from qa_bench.retriever.bm25.java import start_jvm

start_jvm("1g")
from pyserini.fusion import interpolation, normalize, reciprocal_rank_fusion
from pyserini.search.faiss import DenseSearchResult
from pyserini.search.hybrid import HybridSearcher
from pyserini.trectools import TrecRun

def fused(runs):
    for name, run in runs.items():
        with open(name, "w") as file:
            for qid, hits in run.items():
                for rank, (pid, score) in enumerate(hits, 1):
                    file.write(f"{qid} Q0 {pid} {rank} {score!r} tag\\n")
    trec = [TrecRun("sparse"), TrecRun("dense")]
    merged = {
        "rrf": reciprocal_rank_fusion(trec),
        "rrf, k=5": reciprocal_rank_fusion(trec, rrf_k=5, k=7),
        "interpolation": interpolation(trec, alpha=0.3),
        "normalize": normalize(trec),
    }
    found = {}
    for name, run in merged.items():
        found[name] = {}
        columns = (run.run_data[column].tolist() for column in ("topic", "docid", "score"))
        for topic, docid, score in zip(*columns):
            found[name].setdefault(topic, []).append((docid, score))

    def hits(run, qid):
        return [DenseSearchResult(pid, score) for pid, score in runs[run].get(qid, [])]

    for name, alpha, scale, on_dense in [
        ("hybrid", 1.3, False, False),
        ("hybrid, weight on dense", 0.95, False, True),
        ("hybrid, normalised", 0.1, True, False),
    ]:
        found[name] = {}
        for qid in {**runs["sparse"], **runs["dense"]}:
            # Its own normalisation divides by zero where all scores of a list are equal.
            lists = [[hit.score for hit in hits(run, qid)] for run in ("dense", "sparse")]
            if scale and any(len(set(scores)) == 1 for scores in lists):
                continue
            ranked = HybridSearcher._hybrid_results(
                hits("dense", qid), hits("sparse", qid), alpha, 1000, scale, on_dense
            )
            found[name][qid] = [(hit.docid, hit.score) for hit in ranked]
    return found

made = json.load(open("runs.json"))
json.dump({kind: fused(runs) for kind, runs in made.items()}, open("found.json", "w"))
"""

OURS: dict[str, tuple[Any, int]] = {
    "rrf": (ReciprocalRank(), 1000),
    "rrf, k=5": (ReciprocalRank(k=5), 7),
    "interpolation": (Interpolation({"sparse": 0.3, "dense": 1 - 0.3}, missing="zero"), 1000),
    "normalize": (CombSum(), 1000),
    "hybrid": (Interpolation({"sparse": 1.3}), 1000),
    "hybrid, weight on dense": (Interpolation({"dense": 0.95}), 1000),
    "hybrid, normalised": (Interpolation({"sparse": 0.1}, normalize="pyserini"), 1000),
}
QUESTIONS, PASSAGES = 60, 300
QIDS = [f"q{number}" for number in range(QUESTIONS)]
Ranked = dict[str, list[tuple[str, float]]]
Draw = Callable[[np.random.Generator, int], np.ndarray]

SCORES: dict[str, Draw] = {
    "random": lambda generator, count: generator.gamma(3.0, 5.0, count),
    "tied": lambda generator, count: generator.integers(1, 4, count) * 0.5,
    "negative": lambda generator, count: generator.normal(-1.0, 2.0, count),
}


def made_run(generator: np.random.Generator, draw: Draw) -> Ranked:
    """Some questions have few hits, or none."""
    run: Ranked = {}
    for qid in QIDS:
        count = int(generator.choice([0, 1, 2, 20, 100]))
        pids = generator.choice(PASSAGES, count, replace=False) + 1
        scores = np.sort(draw(generator, count).astype(np.float32))[::-1].tolist()
        if count:
            run[qid] = [(str(pid), score) for pid, score in zip(pids, scores, strict=True)]
    return run


@dataclass(frozen=True)
class Made:
    """Runs of each kind, what pyserini finds in them, and the corpus they name."""

    runs: dict[str, dict[str, Ranked]]
    found: dict[str, dict[str, Ranked]]
    passages: Passages


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("pyserini")
    generator = np.random.default_rng(2009)
    runs = {
        kind: {part: made_run(generator, draw) for part in ("sparse", "dense")}
        for kind, draw in SCORES.items()
    }
    (folder / "runs.json").write_text(json.dumps(runs))
    quiet = {"OPENAI_API_KEY": "unused", "HF_HUB_OFFLINE": "1"}
    done = python("-c", SCRIPT, cwd=folder, env=quiet, timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads((folder / "found.json").read_text())
    return Made(runs, found, numbered_passages(folder))


def numbered_passages(folder: Path) -> Passages:
    file = folder / "passages-00000.arrow"
    write_passages(file, [Passage(str(pid), "", "") for pid in range(1, PASSAGES + 1)])
    describe_passages(folder, [file])
    return Passages(folder)


def run_of(run: Ranked) -> Run:
    return Run.of(
        list(run),
        [[pid for pid, _ in hits] for hits in run.values()],
        [[score for _, score in hits] for hits in run.values()],
    )


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("kind", SCORES)
def test_same_scores_and_order(kind: str, name: str, made: Made) -> None:
    runs = {part: run_of(run) for part, run in made.runs[kind].items()}
    hits = Hits.of(runs, QIDS, made.passages)
    theirs = made.found[kind][name]
    fusion, depth = OURS[name]
    fused = fusion.fuse(hits)
    exact = {
        (QIDS[place], str(row + 1)): score
        for place, row, score in zip(
            hits.question_rows.tolist(), hits.rows.tolist(), fused.tolist(), strict=True
        )
    }
    ours: dict[str, list[str]] = {}
    for row in hits.ranked(fused, depth, QIDS, made.passages).table.to_pylist():
        ours.setdefault(row["qid"], []).append(row["pid"])
    compared = 0
    for qid, ranked in theirs.items():
        for pid, score in ranked:
            assert exact[qid, pid] == score, (qid, pid)
        # In single precision, as a run holds them: what is equal there is a tie.
        mine = [np.float32(exact[qid, pid]) for pid in ours[qid]]
        assert mine == [np.float32(score) for _, score in ranked], qid
        for cut in range(1, len(ranked)):
            if np.float32(ranked[cut - 1][1]) > np.float32(ranked[cut][1]):
                assert set(ours[qid][:cut]) == {pid for pid, _ in ranked[:cut]}, (qid, cut)
        compared += len(ranked)
    assert compared > 300
    if "normalised" not in name:
        assert set(ours) == set(theirs)
