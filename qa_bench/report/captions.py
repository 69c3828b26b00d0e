"""What a table's marks mean: the test, the family, α, and what this many questions can show."""

from __future__ import annotations

from collections.abc import Iterable

from qa_bench.report.comparison import BEST, BETTER, TIED, WORSE
from qa_bench.report.rows import Row
from qa_bench.report.runs import noun
from qa_bench.report.table import Column, Table, unique
from qa_bench.statistics.column import ColumnStatistics

_TESTS = {
    "mcnemar-midp": "McNemar, mid-p",
    "paired-t": "paired t",
    "cluster-t": "paired t by groups",
    "crossed-t": "paired t over questions and {runs}",
    "crossed-cluster-t": "paired t over groups of questions and {runs}",
}
_INTERVALS = {
    "wilson": "Wilson",
    "t": "t",
    "cluster-t": "t by groups",
    "bootstrap": "bootstrap",
    "crossed-t": "t over questions and {runs}",
    "crossed-cluster-t": "t over groups of questions and {runs}",
}

_LISTED = 3
"""Rows that are named; more are counted."""
_FEW = 2
"""Runs of which intervals hold their level no more where runs differ much."""


def captions(table: Table) -> list[str]:
    """Lines under a table; none where nothing was computed."""
    several = [s for column in table.columns() if (s := _statistics(table, column)) is not None]
    if not several:
        return means(table) + _left_out(table)
    alpha = several[0].alpha
    level = f"{100 * (1 - alpha):g} %"
    methods = _names(table, (s.interval for s in several), _INTERVALS)
    lines = [*means(table), f"±: half the {level} interval ({methods})."]
    if any(s.test for s in several):
        tests = _names(table, (s.test for s in several), _TESTS)
        families = "; ".join(unique(s.family for s in several if s.comparisons))
        lines.append(
            f"{BEST} best of its column, {TIED} not separable from the best ({tests}; "
            f"α {alpha:g}; a column: {families})."
        )
    if table.baseline is not None:
        lines.append(f"{BETTER} better, {WORSE} worse than {table.labels[table.baseline]}.")
        without = [name for name in table.sets if not _has_baseline(table, name)]
        if without:
            lines.append(f"Not held against it, which has no values there: {', '.join(without)}.")
    lines += _grouped(table)
    if any(s.test for s in several):
        lines.append(f"Differences below these are not seen here: {_detectable(table)}.")
    return lines + _left_out(table)


def comparisons(table: Table) -> list[str]:
    """A signature for each column's comparison: the figure's, and how rows were compared."""
    return [
        f"{column.set} {record.signature(column.metric)}|{statistics.signature}"
        for column in table.columns()
        if (statistics := _statistics(table, column)) and statistics.test
        for record in [next(r for r in table.of_set(column.set) if column.metric in r.values)]
    ]


def _left_out(table: Table) -> list[str]:
    """Why cells have neither interval nor mark."""
    if table.statistics is None:
        return []
    lines = []
    if reported := table.reported():
        lines.append(f"Only reported, and not compared: {', '.join(reported)}.")
    single = {one.record.question_set for one in table.outcomes if one.single}
    if single:
        names = ", ".join(sorted(single))
        lines.append(f"Questions of one group alone, which tells nothing of others: {names}.")
    return lines


def _has_baseline(table: Table, name: str) -> bool:
    """Whether a set's rows were held against ``statistics.against``."""
    columns = (column for column in table.columns() if column.set == name)
    return any(
        (statistics := _statistics(table, column)) is not None and statistics.p is not None
        for column in columns
    )


def _statistics(table: Table, column: Column) -> ColumnStatistics | None:
    comparison = table.comparison(column)
    return None if comparison is None else comparison.statistics


def means(table: Table) -> list[str]:
    """Which rows are means of several runs; none where no row is."""
    there = table.means()
    if not there:
        return []
    rows = unique(table.labels[Row.of(one)] for one in there)
    counts = " or ".join(map(str, sorted({len(one.runs) for one in there})))
    over = there[0].over
    what = f"mean of {counts} {noun(over)} ({', '.join(over)})"
    if len(rows) == len(table.rows):
        who = "All rows"
    elif len(rows) <= _LISTED:
        who = ", ".join(rows)
    else:
        who = f"{len(rows)} of {len(table.rows)} rows"
    interval = f"; intervals over questions and {noun(over)}" if table.statistics else ""
    lines = [f"{who}: {what}{interval}."]
    if table.statistics and any(len(one.runs) == _FEW for one in there):
        lines.append(f"Two {noun(over)} tell little of others: such intervals may be too narrow.")
    return lines


def _names(table: Table, methods: Iterable[str], words: dict[str, str]) -> str:
    several = unique(name for joined in methods for name in joined.split(",") if name)
    runs = next((noun(one.over) for one in table.means()), "")
    return ", ".join(words.get(name, name).format(runs=runs) for name in several)


def _grouped(table: Table) -> list[str]:
    """Which sets' questions were drawn in groups."""
    groups = {
        column.set: comparison.groups
        for column in table.columns()
        if (comparison := table.comparison(column)) is not None and comparison.groups
    }
    return [f"{name}: by the {count} groups its questions were drawn in." for name, count in
            groups.items()]  # fmt: skip


def _detectable(table: Table) -> str:
    """Points, a set; of the metrics in per cent, from the smallest to the largest."""
    pieces = []
    for name in table.sets:
        points = [
            100 * statistics.detectable
            for column in table.columns()
            if column.set == name and table.headings[column.metric].unit == "%"
            if (statistics := _statistics(table, column)) and statistics.test
        ]
        if points:
            low, high = f"{min(points):.1f}", f"{max(points):.1f}"
            pieces.append(f"{name} {low}" if low == high else f"{name} {low} to {high}")
    return ", ".join(pieces) + " points"
