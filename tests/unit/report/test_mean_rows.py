"""Rows of several seeds: one row, with everything that tables, captions and files say of it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from records import saved

from qa_bench.errors import UserError
from qa_bench.report.captions import captions
from qa_bench.report.files import write_tables
from qa_bench.report.latex import latex
from qa_bench.report.markdown import markdown
from qa_bench.report.runs import Mean, over_settings
from qa_bench.report.table import STALE_NOTE, Table
from qa_bench.report.terminal import text
from qa_bench.statistics.closed import Closed
from qa_bench.statistics.crossed import crossed_differences, crossed_intervals
from qa_bench.statistics.none import NoStatistics
from qa_bench.statistics.replicates import Replicates
from qa_bench.statistics.resampling import Resampling

OVER = ("train.seed",)
TOP = "answer_recall@20"
N = 200


def flags(share: float, seed: int) -> np.ndarray:
    """0/1 values of a run at questions of one hardness."""
    hardness = np.linspace(0, 1, N)
    noise = 0.3 * np.random.default_rng(seed).normal(size=N)
    return (hardness + noise < share).astype(float)


def trained(
    results: Path,
    share: float,
    seeds: Sequence[int] = (0, 1, 2),
    changes: Sequence[str] = (),
    **fields: Any,
) -> np.ndarray:
    """Save a trained system's runs; return their values, (seeds, n)."""
    every = []
    for seed in seeds:
        own = [*changes, f"train.seed={seed}"]
        every.append(flags(share, 10 * seed + len(changes)))
        saved(
            results,
            f"dense[{','.join(own)}]",
            {TOP: every[-1]},
            **{"changes": own, "key": f"{own}", "costs": {"build_s": 10.0 + seed}, **fields},
        )
    return np.array(every)


def table(results: Path, over: Sequence[str] = OVER, stale: Any = (), **settings: Any) -> Table:
    return write_tables(results, "x", stale, Closed(**settings), (), over)


def rows(table: Table) -> dict[str, dict[str, str]]:
    return {row["system"]: row for row in csv.DictReader(io.StringIO(table.csv()))}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """BM25, and a system trained in two ways, three seeds each."""
    saved(tmp_path, "bm25", {TOP: flags(0.4, 99)}, costs={"build_s": 1.0})
    trained(tmp_path, 0.6)
    trained(tmp_path, 0.7, changes=["train.negatives=2"])
    return tmp_path


def test_seeds_are_one_row(results: Path) -> None:
    merged = table(results)
    lines = rows(merged)
    assert list(lines) == ["bm25", "dense[train.negatives=2]", "dense[trained]"]
    assert list(rows(table(results, ()))) == [
        "bm25",
        *(f"dense[train.negatives=2,train.seed={seed}]" for seed in range(3)),
        *(f"dense[train.seed={seed}]" for seed in range(3)),
    ]
    values = trained(results, 0.6)
    line, name = lines["dense[trained]"], f"nq/{TOP}"
    ours = crossed_intervals(Replicates([values], [("0", "1", "2")]))
    assert line[name] == f"{values.mean():.6f}"
    assert (line[f"{name}/low"], line[f"{name}/high"]) == (
        f"{ours.low[0]:.6f}",
        f"{ours.high[0]:.6f}",
    )
    assert line[f"{name}/spread"] == f"{values.mean(axis=1).std(ddof=1):.6f}"
    assert (line["nq/runs"], line["build_s"], line["nq/n"]) == ("3", "11", str(N))
    assert (lines["bm25"]["nq/runs"], lines["bm25"][f"{name}/spread"]) == ("1", "")


def test_a_row_without_seeds_is_constant_in_them(results: Path) -> None:
    line = rows(table(results, against="bm25"))["dense[trained]"]
    values = trained(results, 0.6)
    pair = crossed_differences(
        Replicates([values, flags(0.4, 99)[None]], [("0", "1", "2"), ("",)]),
        np.array([0]),
        np.array([1]),
    )
    assert float(line[f"nq/{TOP}/p"]) == pytest.approx(pair.p[0], rel=1e-4), "Holm's last"
    assert line[f"nq/{TOP}/mark"].endswith("▲")


def test_every_table_says_so(results: Path) -> None:
    merged = table(results)
    caption = (
        "dense[train.negatives=2], dense[trained]: mean of 3 seeds (train.seed); intervals over "
        "questions and seeds."
    )
    assert captions(merged)[0] == caption
    whole = markdown(merged)
    assert caption in whole
    assert "±: half the 95 % interval (Wilson, t over questions and seeds)." in whole
    assert "paired t over questions and seeds; α 0.05" in whole
    assert "|runs:1+3`" in whole
    assert "mean of 3 seeds" in " ".join(text(merged).split())
    assert "mean of 3 seeds" in latex(merged, "dpr")
    (record,) = (one for one in merged.records if one.system == "dense[trained]")
    line = json.loads(merged.line(record))
    assert (line["runs"], line["system"]) == (3, "dense[trained]")
    assert line[f"{TOP}/spread"] > 0


def test_one_seed_is_as_before_to_the_byte(tmp_path: Path) -> None:
    saved(tmp_path, "bm25", {TOP: flags(0.4, 99)})
    trained(tmp_path, 0.6, seeds=[0])
    trained(tmp_path, 0.7, seeds=[0], changes=["train.negatives=2"])
    one, other = table(tmp_path), table(tmp_path, ())
    assert (one.csv(), markdown(one), text(one)) == (other.csv(), markdown(other), text(other))


def test_what_is_not_trained_has_no_seeds(tmp_path: Path) -> None:
    for seed in range(3):
        label = f"train.seed={seed}"
        saved(tmp_path, f"bm25[{label}]", {TOP: flags(0.4, 9)}, changes=[label], key="same")
    saved(tmp_path, "bm25", {TOP: flags(0.4, 9)}, key="same")
    trained(tmp_path, 0.6)
    lines = rows(table(tmp_path))
    assert list(lines) == ["bm25", "dense[trained]"]
    assert lines["bm25"]["nq/runs"] == "1"


def test_a_run_by_default_is_one_of_them(tmp_path: Path) -> None:
    trained(tmp_path, 0.6)
    label = {"changes": ["trained"]}
    saved(tmp_path, "dense[trained]", {TOP: flags(0.6, 0)}, key="['train.seed=0']", **label)
    assert rows(table(tmp_path))["dense[trained]"]["nq/runs"] == "3", "seed 0 under another name"
    saved(tmp_path, "dense[trained]", {TOP: flags(0.6, 7)}, key="another", **label)
    assert rows(table(tmp_path))["dense[trained]"]["nq/runs"] == "4"


def test_base_and_trained_stay_apart(tmp_path: Path) -> None:
    saved(tmp_path, "dense", {TOP: flags(0.3, 5)}, key="base")
    trained(tmp_path, 0.6)
    assert list(rows(table(tmp_path))) == ["dense", "dense[trained]"]


def test_unequal_numbers_of_seeds_are_told(tmp_path: Path) -> None:
    trained(tmp_path, 0.6)
    trained(tmp_path, 0.5, seeds=[0, 1], dataset="webq")
    trained(tmp_path, 0.7, seeds=[0, 1], changes=["train.negatives=2"])
    trained(tmp_path, 0.8, seeds=[4], changes=["train.negatives=7"])
    merged = table(tmp_path)
    assert sorted(merged.notes()) == [
        "dense[train.negatives=7,train.seed=4]: one run: its interval tells nothing of other seeds",
        "dense[trained]: not as many seeds everywhere: 3 on nq, 2 on webq",
        "nq: rows of other seeds are not compared seed by seed: dense[train.negatives=2] 0, 1; "
        "dense[trained] 0, 1, 2",
    ]
    whole = markdown(merged)
    assert "mean of 2 or 3 seeds" in whole
    assert "Two seeds tell little of others" in whole


def test_other_questions_are_no_mean(tmp_path: Path) -> None:
    values = trained(tmp_path, 0.6, seeds=[0, 1])
    saved(
        tmp_path, "dense[train.seed=2]", {TOP: [1.0, 1.0]}, questions="00000000",
        changes=["train.seed=2"], key="2",
    )  # fmt: skip
    merged = table(tmp_path)
    line = rows(merged)["dense[trained]"]
    assert line[f"nq/{TOP}"] == f"{values.mean():.6f}"
    assert (line["nq/runs"], line["nq[n=2]/runs"]) == ("2", "1")
    assert "not as many seeds everywhere: 2 on nq, 1 on nq" in markdown(merged)


def test_other_rules_are_no_mean(tmp_path: Path) -> None:
    trained(tmp_path, 0.6, seeds=[0, 1])
    trained(tmp_path, 0.6, seeds=[2], mode="lenient")
    merged = table(tmp_path)
    assert len(merged.rows) == 3
    assert "matched by the rules of dpr and lenient: no mean is taken" in markdown(merged)


def test_a_seed_that_failed_and_one_that_is_only_reported(results: Path) -> None:
    stale = [("dense[train.seed=1]", "c", "nq")]
    merged = table(results, stale=stale)
    assert STALE_NOTE in merged.notes()
    (column,) = merged.columns()
    assert {merged.labels[row]: merged.figure(row, column)[-1] == "†" for row in merged.rows} == {
        "bm25": False, "dense[train.negatives=2]": False, "dense[trained]": True,
    }  # fmt: skip
    next(results.glob("x/*--dense[[]train.seed=1[]]--*.csv")).unlink()
    reported = table(results)
    assert "Only reported, and not compared: dense[trained]." in captions(reported)
    assert rows(reported)["dense[trained]"][f"nq/{TOP}/low"] == ""


def test_a_metric_that_not_all_runs_have(tmp_path: Path) -> None:
    trained(tmp_path, 0.6, seeds=[0, 1])
    more = {TOP: flags(0.6, 20), "mrr": flags(0.2, 20)}
    saved(tmp_path, "dense[train.seed=2]", more, changes=["train.seed=2"], key="2")
    merged = table(tmp_path)
    assert "dense[trained] on nq: not all of its 3 runs have mrr: run them again" in merged.notes()
    assert merged.metrics == [TOP]


def test_part_of_the_rows_and_a_setting_of_a_retriever(tmp_path: Path) -> None:
    for seed in (1, 2):
        own = [f"seed={seed}"]
        saved(tmp_path, f"random[seed={seed}]", {TOP: flags(0.1, seed)}, changes=own, key=f"{seed}")
    whole = table(tmp_path, ["retriever.seed", "train.seed"])
    (record,) = whole.records
    assert isinstance(record, Mean)
    assert (record.system, record.seeds) == ("random", ("1", "2"))
    part = Table("x", [record], (), whole.outcomes, Closed())
    assert "All rows: mean of 2 seeds (retriever.seed, train.seed)" in captions(part)[0]


def test_without_statistics_and_with_draws(results: Path) -> None:
    bare = write_tables(results, "x", (), NoStatistics(), (), OVER)
    assert "mean of 3 seeds (train.seed)" in text(bare)
    with pytest.raises(UserError, match="statistics=resampling draws questions"):
        write_tables(results, "x", (), Resampling(samples=100), (), OVER)


@pytest.mark.parametrize(
    ("over", "why"),
    [
        ("train.seed", "table.over: a list of texts, got 'train.seed'"),
        (["train.seed=0"], "table.over: names of settings, such as"),
        (["chunker.size"], "'chunker.size' makes other passages or questions"),
    ],
)
def test_what_over_may_be(over: Any, why: str) -> None:
    with pytest.raises(UserError, match=why.replace("[", r"\[")):
        over_settings(over)
    assert over_settings(None) == []
