"""Rows of several seeds through the command line: tables and JSON lines go by their mean."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bench_helpers import error_line, good, qa, read_csv
from certificates import result


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for seed, ranks in enumerate([(1, 0, 5, 2), (1, 1, 5, 0), (0, 0, 0, 2)]):
        own = [f"train.seed={seed}"]
        result(tmp_path / "results", ranks, system=f"dense[{own[0]}]", changes=own, key=f"{seed}")
    result(tmp_path / "results", (0, 0, 1, 2))
    return tmp_path


def test_a_table_of_seeds(home: Path) -> None:
    done = good("table", "name=x", "--json", cwd=home)
    lines = {line["system"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert lines["dense[trained]"]["runs"] == 3
    assert lines["dense[trained]"]["answer_recall@5"] == pytest.approx((3 + 3 + 1) / 12)
    assert "runs" not in lines["bm25"]
    assert [row["system"] for row in read_csv(home / "results/x.csv")] == ["bm25", "dense[trained]"]
    alone = good("table", "name=x", "table.over=null", cwd=home)
    assert "dense[train.seed=2]" in alone.stdout
    refused = qa("table", "name=x", "table.over=train.seed", cwd=home)
    assert "table.over: a list of texts, got 'train.seed'" in error_line(refused)
