"""A metric where the lower value is the better one, and of which some questions have none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from records import saved

from qa_bench.analysis.pairing import pairing
from qa_bench.errors import DataError
from qa_bench.report.outcomes import read
from qa_bench.report.record import load
from qa_bench.report.table import Column, Table, half_width
from qa_bench.statistics.closed import Closed
from qa_bench.statistics.none import NoStatistics
from qa_bench.types import Heading

METRIC, TOP = "contrastive_entropy", "answer_recall@1"
HEADINGS = {METRIC: Heading("contrastive entropy", "nats", lower=True), TOP: Heading("Top-1")}
LOW = [0.1, 0.2, 0.3, 0.2, 0.1, 0.2, 0.3, 0.2]
HIGH = [2.0, 2.5, 2.2, 2.4, 2.1, 2.6, 2.3, 2.2]


def table_of(results: Path, statistics: object) -> Table:
    pairs = load(results, "x")
    outcomes = [one for pair in pairs if (one := read(*pair)) is not None]
    return Table("x", [record for record, _ in pairs], (), outcomes, statistics)  # type: ignore[arg-type]


@pytest.mark.parametrize("statistics", [Closed(), Closed(against="high"), NoStatistics()])
def test_the_lower_is_marked(statistics: object, tmp_path: Path) -> None:
    for system, values in (("low", LOW), ("high", HIGH)):
        saved(tmp_path, system, {METRIC: values}, headings=HEADINGS)
    table = table_of(tmp_path, statistics)
    column = Column("nq", METRIC)
    marks = {row.system: table.mark(row, column) for row in table.rows}
    better = "▲" if getattr(statistics, "against", None) else ""
    assert marks == {"low": f"●{better}", "high": ""}
    assert {table.figure(row, column) for row in table.rows} == {"0.20 nats", "2.29 nats"}


def test_intervals_and_differences_are_the_values_own(tmp_path: Path) -> None:
    for system, values in (("low", LOW), ("high", HIGH)):
        saved(tmp_path, system, {METRIC: values}, headings=HEADINGS)
    table = table_of(tmp_path, Closed(against="high"))
    column = Column("nq", METRIC)
    low, high = sorted(table.rows, key=lambda row: -len(row.system))[::-1]
    cell = table.cell(low, column)
    assert cell.low is not None
    assert cell.high is not None
    assert cell.low < np.mean(LOW) < cell.high
    assert half_width(table, low, column) == f" ±{(cell.high - cell.low) / 2:.2f}"
    comparison = table.comparison(column)
    assert comparison is not None
    statistics = comparison.statistics
    assert statistics is not None
    place = list(comparison.cells).index(low)
    assert statistics.mean[place] == pytest.approx(np.mean(LOW))
    assert statistics.difference is not None
    assert statistics.difference_low is not None
    assert statistics.difference_high is not None
    gap = np.mean(LOW) - np.mean(HIGH)
    assert statistics.difference[place] == pytest.approx(gap)
    assert statistics.difference_low[place] < gap < statistics.difference_high[place] < 0
    assert table.cell(high, column).mark == ""


def partial(results: Path, system: str, values: list[float | None]) -> Path:
    there = [value for value in values if value is not None]
    return saved(
        results,
        system,
        {TOP: [1.0, 0.0, 1.0, 1.0], METRIC: values},  # type: ignore[dict-item]
        headings=HEADINGS,
        denominators={METRIC: len(there)} if len(there) < len(values) else {},
    )


def test_a_figure_of_some_questions(tmp_path: Path) -> None:
    path = partial(tmp_path, "a", [1.0, None, 2.0, 3.0])
    partial(tmp_path, "b", [2.0, None, 3.5, 4.0])
    certificate = json.loads(path.with_suffix(".json").read_text())
    (measured,) = (certificate[name] for name in certificate if name.endswith("measurement/v1"))
    figure = measured["values"][METRIC]
    assert (figure["value"], figure["n"]) == (2.0, 3)
    assert figure["ci"][0] < 2 < figure["ci"][1]
    assert "n" not in measured["values"][TOP]
    assert measured["headings"] == {METRIC: [*HEADINGS[METRIC]], TOP: ["Top-1", "%"]}
    pairs = load(tmp_path, "x")
    record = pairs[0][0]
    assert record.denominators == {METRIC: 3}
    assert "|n:3|" in record.signature(METRIC)
    assert "|n:4|" in record.signature(TOP)
    table = table_of(tmp_path, Closed())
    comparison = table.comparison(Column("nq", METRIC))
    assert comparison is not None
    assert comparison.statistics is not None
    assert comparison.statistics.mean.tolist() == pytest.approx([2.0, 9.5 / 3])
    assert all(cell.low is not None for cell in comparison.cells.values())
    (pair,) = pairing(pairs, "a", "b").pairs
    assert pair.metrics == [TOP], "what is compared question by question has a value of each"


def test_other_questions_are_not_compared(tmp_path: Path) -> None:
    partial(tmp_path, "a", [1.0, None, 2.0, 3.0])
    partial(tmp_path, "b", [2.0, 3.0, 3.5, None])
    table = table_of(tmp_path, Closed())
    column = Column("nq", METRIC)
    comparison = table.comparison(column)
    assert comparison is not None
    assert comparison.statistics is None
    assert {table.mark(row, column) for row in table.rows} == {""}
    assert all(cell.low is not None for cell in comparison.cells.values())


def test_a_value_that_was_taken_away_is_told(tmp_path: Path) -> None:
    path = partial(tmp_path, "a", [1.0, None, 2.0, 3.0])
    file = path.with_suffix(".json")
    text = file.read_text()
    file.write_text(text.replace('"n": 3', '"n": 4'))
    ((record, where),) = load(tmp_path, "x")
    with pytest.raises(DataError, match="has 3 values of contrastive_entropy"):
        read(record, where)
