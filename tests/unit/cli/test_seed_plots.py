"""Points of rows that are means of several seeds: every kind goes by them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from certificates import PROVENANCE, result
from omegaconf import OmegaConf

from qa_bench.cli.plot import _entries
from qa_bench.errors import DataError
from qa_bench.report.plots import chunks, curve, depth, forest, pareto
from qa_bench.report.record import load
from qa_bench.statistics.crossed import crossed_differences, crossed_intervals
from qa_bench.statistics.replicates import Replicates

RANKS = [(1, 0, 5, 2, 0, 1, 0, 3), (1, 1, 5, 0, 0, 1, 0, 1), (1, 0, 0, 2, 2, 1, 1, 3)]
BM25 = (0, 0, 1, 2, 0, 1, 0, 0)
SEEDS = ("0", "1", "2")


def top(k: int) -> np.ndarray:
    ranks = np.array(RANKS)
    return ((ranks > 0) & (ranks <= k)).astype(float)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    config = {**PROVENANCE.config, "reader": {"depth": 7}}
    for seed, ranks in enumerate(RANKS):
        own = [f"train.seed={seed}"]
        result(
            tmp_path, ranks, system=f"dense[train.seed={seed}]", changes=own, key=f"{seed}",
            costs={"search_s": 1.0 + seed}, config=config, em=[float(seed)] * 8,
        )  # fmt: skip
    result(tmp_path, BM25, system="bm25", costs={"search_s": 0.5})
    return tmp_path


def entries(results: Path, kind: str, over: Any = ("train.seed",), **settings: Any) -> Any:
    usual = {"kind": kind, "metric": None, "sets": None, "cost": None, "by": None}
    config = {
        "paths": {"results": str(results)}, "name": "x", "merge": [], "system": None,
        "statistics": {
            "_target_": "qa_bench.statistics.closed.Closed",
            "alpha": 0.05, "family": "own", "against": None,
        },
        "table": {"over": None if over is None else list(over)}, "plot": {**usual, **settings},
    }  # fmt: skip
    return _entries(OmegaConf.create(config))


def of(points: Any, system: str) -> list[Any]:
    return [point for point in points if point["system"] == system]


def test_a_curve(results: Path) -> None:
    points = curve.points(*entries(results, "curve"))
    assert {point["system"] for point in points} == {"bm25", "dense[trained]"}
    for point in of(points, "dense[trained]"):
        values = top(point["k"])
        ends = crossed_intervals(Replicates([values], [SEEDS]))
        assert (point["recall"], point["low"], point["high"]) == pytest.approx(
            (values.mean(), ends.low[0], ends.high[0])
        )
    assert len(of(curve.points(*entries(results, "curve", None)), "dense[train.seed=1]")) == 5


def test_a_forest(results: Path) -> None:
    points = forest.points(*entries(results, "forest", metric="answer_recall@1"))
    (point,) = points
    assert (point["system"], point["baseline"], point["test"]) == (
        "bm25", "dense[trained]", "crossed-t",
    )  # fmt: skip
    bm25 = (np.array(BM25) == 1).astype(float)
    pair = crossed_differences(
        Replicates([bm25[None], top(1)], [("",), SEEDS]), np.array([0]), np.array([1])
    )
    assert (point["difference"], point["low"], point["p"]) == pytest.approx(
        (pair.difference[0], pair.low[0], pair.p[0])
    )


def test_a_cost_is_a_mean(results: Path) -> None:
    (point,) = of(
        pareto.points(*entries(results, "pareto", metric="answer_recall@1")), "dense[trained]"
    )
    assert point["amount"] == pytest.approx(2.0 / 8)
    assert point["value"] == pytest.approx(top(1).mean())


def test_sweeps_have_one_point(results: Path) -> None:
    (point,) = depth.points(*entries(results, "depth"))
    assert (point["depth"], point["row"], point["value"]) == (
        7, "dense[trained] (jsonl/words)", 1.0,
    )  # fmt: skip
    for other in results.glob("x/*--bm25--*"):
        other.unlink()
    own = entries(results, "chunks", metric="answer_recall@5")
    with_size = [one._replace(config={"chunker": {"size": 50}}) for one in own[0]]
    (point,) = chunks.points(with_size, own[1])
    assert (point["size"], point["value"]) == (50, pytest.approx(top(5).mean()))


def test_vectors_are_of_single_models(results: Path) -> None:
    assert len(entries(results, "towers")[0]) == 4
    assert len(entries(results, "curve")[0]) == 2


def test_a_run_without_values_is_told(results: Path) -> None:
    path = next(path for record, path in load(results, "x") if record.key == "1")
    path.with_suffix(".csv").unlink()
    with pytest.raises(DataError, match="no per-question values"):
        entries(results, "curve")
