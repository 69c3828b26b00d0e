"""The picture of two towers: its points, and the same bytes every time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qa_bench.report.plots import towers
from qa_bench.report.plots.sheet import Look, pictures, table
from qa_bench.statistics.clouds import uniformity

pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")


def test_a_panel_a_system_and_two_points_a_pair(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    first, second = random.normal(size=(2, 12, 6))
    points = towers.points({"sde": (first, second), "ade": (first, second + 40)}, 0.05)
    assert [(p["system"], p["side"]) for p in points[::12]] == [
        ("sde", "questions"), ("sde", "passages"), ("ade", "questions"), ("ade", "passages"),
    ]  # fmt: skip
    assert [point["pair"] for point in points[:12]] == list(range(1, 13))
    assert {point["mixed"] for point in points[24:]} == {0.0}
    assert all(0 <= p["low"] < p["mixed"] < p["high"] <= 1 for p in points[:24])
    assert points[0]["uniformity"] < points[24]["uniformity"], "40 to all sides: one direction"
    assert points[0]["uniformity"] == points[23]["uniformity"] == uniformity(first, second)
    for look in (Look(3.3, "path"), Look(6.8, "path")):
        one, other = (pictures(tmp_path / n, points, towers.draw, look) for n in "ab")
        assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]
    head, row, *_ = table(tmp_path / "points", points).read_text().splitlines()
    assert head == "system,side,pair,x,y,mixed,low,high,n,alignment,uniformity"
    assert row.startswith("sde,questions,1,")
