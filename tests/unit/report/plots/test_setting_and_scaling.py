"""Plots by any number, and of a law."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from certificates import content
from records import saved

from qa_bench.errors import UserError
from qa_bench.formats.statements import Statement
from qa_bench.report.certificate import Provenance
from qa_bench.report.outcomes import read
from qa_bench.report.plots import forest, pareto, scaling, setting
from qa_bench.report.plots.entries import Entry, Request
from qa_bench.report.plots.sheet import Look, pictures, table
from qa_bench.report.record import load
from qa_bench.statistics.closed import Closed
from qa_bench.types import Heading

pytest.importorskip("matplotlib")

METRIC = "contrastive_entropy"
HEADINGS = {METRIC: Heading("contrastive entropy", "nats", lower=True)}
NARROW, WIDE = Look(3.3, "path"), Look(6.8, "path")


def add(
    results: Path, system: str, values: Any, config: Mapping[str, Any] | None = None, **fields: Any
) -> None:
    columns = {METRIC if fields.get("costs") else "em": list(values)}
    label = f"{system}[{','.join(fields.get('changes', ()))}]" if "changes" in fields else system
    saved(
        results, label, columns, headings=HEADINGS, provenance=Provenance(config=config or {}),
        **fields,
    )  # fmt: skip


def entries(results: Path) -> list[Entry]:
    def entry(record: Any, path: Path) -> Entry:
        outcomes = read(record, path)
        assert outcomes is not None
        return Entry(record, outcomes, Statement.of(content(path), path).config)

    return [entry(*pair) for pair in load(results, "x")]


def request(metric: str | None = None, by: str | None = None) -> Request:
    return Request(metric, None, None, Closed(), by)


# By any number


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    for size, ems in ((500, (0, 0, 1)), (4000, (1, 0, 1)), (1000, (0, 1, 0))):
        for base in ("a", "b"):
            changes = [f"train.base={base}", f"train.examples={size}"]
            train = {"part": "retriever", "examples": size}
            add(tmp_path, "dense", map(float, ems), {"train": train}, changes=changes)
    add(tmp_path, "bm25", (1.0, 1.0, 0.0), {"train": {"part": None}})
    return tmp_path


def test_a_line_a_system_and_what_stands_beside(sweep: Path) -> None:
    points = setting.points(entries(sweep), request(by="train.examples"))
    assert [(p["system"], p["x"], round(p["value"], 2)) for p in points] == [
        ("bm25", "", 0.67),
        ("dense[train.base=a]", 500, 0.33),
        ("dense[train.base=a]", 1000, 0.33),
        ("dense[train.base=a]", 4000, 0.67),
        ("dense[train.base=b]", 500, 0.33),
        ("dense[train.base=b]", 1000, 0.33),
        ("dense[train.base=b]", 4000, 0.67),
    ]
    assert points[1]["row"] == "dense[train.base=a,train.examples=500] (c)"
    for log in (None, True, False):
        draw = setting.draw_by("train.examples", log)
        one, other = (pictures(sweep / n / str(log), points, draw, NARROW) for n in "pq")
        assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]
    axis = setting.draw_by("train.examples", None)(WIDE, points).axes[0]
    assert axis.get_xscale() == "linear", "500 to 4,000 is no decade"
    assert setting.draw_by("train.examples", True)(WIDE, points).axes[0].get_xscale() == "log"
    assert table(sweep / "points", points).read_text().splitlines()[1].startswith("nq,bm25,,bm25")


def test_the_untrained_base_is_another_line(tmp_path: Path) -> None:
    for size in (100, 10_000):
        add(
            tmp_path, "dense", (1.0, 0.0), {"train": {"examples": size}},
            changes=[f"train.examples={size}"],
        )  # fmt: skip
    add(tmp_path, "dense", (0.0, 0.0), {})
    points = setting.points(entries(tmp_path), request(by="train.examples"))
    assert {p["system"] for p in points} == {"dense", "dense[train.examples=…]"}
    figure = setting.draw_by("train.examples", None)(WIDE, points)
    assert figure.axes[0].get_xscale() == "log"


def test_costs_and_settings_of_the_retriever(tmp_path: Path) -> None:
    for size in (64, 256):
        add(
            tmp_path, "dense", (1.0, 0.0), {"retriever": {"truncate_dim": size}},
            changes=[f"truncate_dim={size}"], costs={"passages": 10 * size},
        )  # fmt: skip
    of_costs = setting.points(entries(tmp_path), request(METRIC, "passages"))
    assert {p["x"] for p in of_costs} == {640, 2560}
    of_dims = setting.points(entries(tmp_path), request(METRIC, "retriever.truncate_dim"))
    assert [p["x"] for p in of_dims] == [64, 256]


@pytest.mark.parametrize(
    ("by", "told"),
    [
        (None, "kind=setting draws a metric by a number that an experiment sweeps: plot.by="),
        ("train.exmples", r"nothing to draw: no row has a number train.exmples \(plot.by\)"),
        ("train.part", r"no row has a number train.part"),
    ],
)
def test_no_such_number(by: str | None, told: str, sweep: Path) -> None:
    with pytest.raises(UserError, match=told):
        setting.points(entries(sweep), request(by=by))


def test_one_number_is_no_axis(tmp_path: Path) -> None:
    for system in ("a", "b"):
        add(tmp_path, system, (1.0, 0.0), {"train": {"examples": 5}})
    with pytest.raises(UserError, match=r"train\.examples is 5 in all rows"):
        setting.points(entries(tmp_path), request(by="train.examples"))


# A law


def planted(results: Path, sizes: tuple[int, ...], data: tuple[int, ...], **fields: Any) -> None:
    noise = np.random.default_rng(1).normal(0, 0.2, 40)
    for size in sizes:
        for examples in data:
            loss = 40 / size**0.5 + 20 / examples**0.5 + 0.5
            add(
                results, "dense", loss + noise, {"train": {"seed": 0}},
                changes=[f"train.base={size}", f"train.examples={examples}"],
                costs={"non_embedding_parameters": size, "examples": examples}, **fields,
            )  # fmt: skip


def test_a_law_of_size_and_examples(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    planted(tmp_path, (1000, 10_000, 100_000), (500, 2000, 8000))
    add(tmp_path, "bm25", np.ones(40), costs={"passages": 5})
    with caplog.at_level(logging.INFO):
        points = scaling.points(entries(tmp_path), request())
    assert "not drawn: bm25 (c) on nq: nothing was trained on the way" in caplog.text
    assert "nq: L(N, D) = " in caplog.text
    first = points[0]
    assert (first["system"], first["examples"]) == ("1,000 parameters", 500)
    assert len(points) == 9
    assert [first[n] for n in ("a", "b", "d")] == pytest.approx([0.5, 0.5, 0.5], abs=0.1)
    assert first["r2"] > 0.999
    assert first["a_low"] <= first["a"] <= first["a_high"]
    assert all(p["law"] == pytest.approx(p["value"], abs=0.02) for p in points)
    for look in (NARROW, WIDE):
        one, other = (pictures(tmp_path / n, points, scaling.draw, look) for n in "pq")
        assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]
    head = table(tmp_path / "points", points).read_text().splitlines()[0]
    assert head == (
        "set,system,non_embedding_parameters,examples,row,metric,unit,value,low,high,n,law,"
        "A,a,a_low,a_high,B,b,b_low,b_high,d,d_low,d_high,r2"
    )


def test_one_size(tmp_path: Path) -> None:
    planted(tmp_path, (1000,), (500, 1000, 2000, 8000))
    points = scaling.points(entries(tmp_path), request())
    assert points[0]["a"] == ""
    assert points[0]["b"] == pytest.approx(0.5, abs=0.1)
    assert len(pictures(tmp_path / "p", points, scaling.draw, NARROW)) == 2


def test_one_number_of_examples(tmp_path: Path) -> None:
    planted(tmp_path, (1000, 3000, 10_000, 30_000), (500,))
    points = scaling.points(entries(tmp_path), request())
    assert (points[0]["b"], points[0]["a"]) == ("", pytest.approx(0.5, abs=0.1))
    assert len(pictures(tmp_path / "p", points, scaling.draw, NARROW)) == 2


def test_what_makes_no_law(tmp_path: Path) -> None:
    planted(tmp_path / "few", (1000,), (500, 1000, 2000))
    with pytest.raises(UserError, match="kind=scaling on nq: no law can be fitted: 3 points for 3"):
        scaling.points(entries(tmp_path / "few"), request())
    add(tmp_path / "em", "a", (1.0, 0.0))
    with pytest.raises(UserError, match="fits a loss, such as contrastive_entropy, and em is none"):
        scaling.points(entries(tmp_path / "em"), request("em"))
    with pytest.raises(UserError, match="'contrastive_entropy' is none of em"):
        scaling.points(entries(tmp_path / "em"), request())
    for corpus in ("c", "d"):
        planted(tmp_path / "twice", (1000,), (500, 1000, 2000, 4000), corpus=corpus)
    with pytest.raises(UserError, match="stand at one place, 1,000 parameters and 1,000 examples"):
        scaling.points(entries(tmp_path / "twice"), request())


# Where the lower value is better


def test_the_lower_one_is_the_baseline_and_on_the_front(tmp_path: Path) -> None:
    for system, loss, seconds in (("a", 1.0, 4.0), ("b", 2.0, 8.0), ("c", 3.0, 1.0)):
        values = loss * np.array([0.9, 1.0, 1.2, 0.9])
        add(tmp_path, system, values, costs={"search_s": seconds})
    points = forest.points(entries(tmp_path), request(METRIC))
    assert {p["baseline"] for p in points} == {"a"}
    assert [round(p["difference"], 6) for p in points] == [1.0, 2.0]
    assert all(p["low"] <= p["difference"] <= p["high"] for p in points)
    front = pareto.points(entries(tmp_path), request(METRIC))
    assert [p["front"] for p in front] == [1, 0, 1]
