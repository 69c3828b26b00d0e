"""Tables: rows are systems, columns are question set × metric; what of them is written where."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple, TypeVar

from qa_bench.errors import DataError, UserError
from qa_bench.protocols import Statistics
from qa_bench.report.comparison import BEST, NOTHING, Cell, Comparison, compare
from qa_bench.report.outcomes import Outcomes
from qa_bench.report.record import Record
from qa_bench.report.rows import (
    QuestionFile,
    Row,
    choose,
    ordered,
    question_file,
    set_place,
    shortened,
)
from qa_bench.report.runs import Mean, members
from qa_bench.types import Heading

Known = Sequence[tuple[int, float]]
"""(questions, cost) of a row's sets."""


def _largest(costs: Known) -> float | None:
    return max((cost for _, cost in costs), default=None)


def _rate(costs: Known) -> float | None:
    """Questions a second over all sets."""
    seconds = sum(n / cost for n, cost in costs if cost)
    return sum(n for n, _ in costs) / seconds if seconds else None


def _mean(costs: Known) -> float | None:
    """The mean over all sets' questions."""
    questions = sum(n for n, _ in costs)
    return sum(n * cost for n, cost in costs) / questions if questions else None


COSTS: dict[str, tuple[str, Callable[[Known], float | None]]] = {
    "passages": ("passages", _largest),
    "index_mb": ("index MB", _largest),
    "build_s": ("build s", _largest),
    "questions_per_s": ("questions/s", _rate),
    "latency_p50_s": ("p50 s/question", _mean),
    "latency_p95_s": ("p95 s/question", _mean),
    "peak_mb": ("peak MB", _largest),
    "rerank_s": ("rerank s/question", _mean),
    "read_s": ("read s/question", _mean),
    "read_tokens": ("tokens/question", _mean),
    "exact_percent": ("% of exact hits", _mean),
}
"""Cost columns: headers, and how a row's sets make one figure. Those no record has are left
out. Build is chunking and indexing, on the machine that built it; the last is of approximate
search.
"""

STALE = "†"
"""Marks a figure that the command should have made anew and did not."""

STALE_NOTE = f"{STALE} of an earlier run: the job that should have made it anew has failed"

T = TypeVar("T")

Place = tuple[str, str, str]
"""(system, corpus, question set) of a record; an empty corpus is any."""


class Column(NamedTuple):
    """A question set and a metric."""

    set: str
    metric: str


def shown(heading: Heading, value: float) -> str:
    """A value as a table shows it: per cents with two decimals, or the value in its unit."""
    return f"{100 * value:.2f}" if heading.unit == "%" else f"{value:.2f} {heading.unit}"


class Table:
    """All records of an experiment, arranged."""

    def __init__(
        self,
        experiment: str,
        records: Sequence[Record],
        stale: Collection[Place] = (),
        outcomes: Collection[Outcomes] = (),
        statistics: Statistics | None = None,
        faults: Sequence[DataError] = (),
    ) -> None:
        """Arrange the records.

        Args:
            experiment: its name.
            records: its records.
            stale: those that the command should have made anew and did not.
            outcomes: per-question values, of the records that have any.
            statistics: how rows are compared; None for not at all.
            faults: why rows are left out.

        Raises:
            UserError: what all rows shall be held against is no row, or several.
        """
        self.experiment = experiment
        self.outcomes, self.statistics, self.faults = outcomes, statistics, list(faults)
        self.rows = ordered(records)
        self.records = sorted(records, key=lambda r: (self.rows.index(Row.of(r)), set_place(r)))
        names = set_names(self.records)
        self._cells = {(Row.of(r), names[question_file(r)]): r for r in self.records}
        self.sets = unique(names[question_file(r)] for r in sorted(self.records, key=set_place))
        self.costs = [cost for cost in COSTS if any(cost in r.costs for r in self.records)]
        self.headings = {
            metric: r.heading(metric) for r in self.records[::-1] for metric in r.values
        }
        self.metrics = _by_family(unique(metric for r in self.records for metric in r.values))
        self.shared, self.labels = shortened(self.records)
        self.stale = frozenset(stale)
        self._outcomes = {
            (Row.of(one.record), names[question_file(one.record)]): one
            for one in outcomes
            if (Row.of(one.record), names.get(question_file(one.record))) in self._cells
        }
        self.baseline = self._baseline()
        self._comparisons: dict[str, dict[str, Comparison]] = {}

    def _baseline(self) -> Row | None:
        against = None if self.statistics is None else self.statistics.against
        if against is None or not self.records:
            return None
        rows = unique(Row.of(record) for record in choose(self.records, [against]))
        if len(rows) > 1:
            labels = ", ".join(f"'{self.labels[row]}'" for row in rows)
            raise UserError(f"statistics.against: '{against}' is {len(rows)} rows: {labels}")
        if not any(row == rows[0] for row, _ in self._outcomes):
            raise UserError(
                f"statistics.against: '{against}' is only reported, without values a question to "
                "hold others against: run it again"
            )
        return rows[0]

    def comparison(self, column: Column) -> Comparison | None:
        """A column's rows compared; None where nothing is known of questions one by one."""
        if self.statistics is None:
            return None
        if column.set not in self._comparisons:
            there = {row: one for (row, name), one in self._outcomes.items() if name == column.set}
            self._comparisons[column.set] = compare(there, self.statistics, self.baseline)
        return self._comparisons[column.set].get(column.metric)

    def cell(self, row: Row, column: Column) -> Cell:
        """What stands beside a figure."""
        comparison = self.comparison(column)
        return NOTHING if comparison is None else comparison.cells.get(row, NOTHING)

    def reported(self) -> list[str]:
        """The rows without values a question, with the sets where they have some elsewhere."""
        names = []
        for row in self.rows:
            sets = [name for at, name in self._cells if at == row]
            without = [name for name in sets if (row, name) not in self._outcomes]
            where = f" on {', '.join(without)}" if len(without) < len(sets) else ""
            names += [self.labels[row] + where] if without else []
        return names

    def record(self, row: Row, name: str) -> Record | None:
        """What is known of a row on a set."""
        return self._cells.get((row, name))

    def of_set(self, name: str) -> list[Record]:
        """The records of a set, as columns call it."""
        return [record for (_, of), record in self._cells.items() if of == name]

    def line(self, record: Record) -> str:
        """A record as one JSON line: figures as fractions, and what stands beside them."""
        fields = json.loads(record.line())
        if isinstance(record, Mean):
            spreads = {f"{metric}/spread": record.spread(metric) for metric in record.values}
            fields |= {"runs": len(record.runs), **spreads}
        for name in (name for (_, name), one in self._cells.items() if one is record):
            for metric in record.values:
                cell = self.cell(Row.of(record), Column(name, metric))
                if cell.low is not None:
                    fields |= {f"{metric}/{what}": value for what, value in cell._asdict().items()}
        return json.dumps(fields, ensure_ascii=False)

    def columns(self) -> list[Column]:
        """The columns that hold at least one figure, sets one after the other."""
        return [
            Column(name, metric)
            for name in self.sets
            for metric in self.metrics
            if any(self.value(row, Column(name, metric)) is not None for row in self.rows)
        ]

    def value(self, row: Row, column: Column) -> float | None:
        """A figure; None where there is none."""
        record = self.record(row, column.set)
        return None if record is None else record.values.get(column.metric)

    def figure(self, row: Row, column: Column) -> str:
        """A figure as people see it, stale ones marked; empty where there is none."""
        value = self.value(row, column)
        if value is None:
            return ""
        mark = STALE if self._is_stale(row, column.set) else ""
        return shown(self.headings[column.metric], value) + mark

    def _is_stale(self, row: Row, name: str) -> bool:
        systems = {row.system, *(one.system for one in members(self.record(row, name)))}
        places = {(system, corpus, name) for system in systems for corpus in (row.corpus, "")}
        return bool(places & self.stale)

    def means(self) -> list[Mean]:
        """The records that are the mean of several runs."""
        return [r for r in self.records if isinstance(r, Mean) and len(r.runs) > 1]

    def best(self, column: Column) -> frozenset[Row]:
        """The rows with a column's best figure, as it is shown; none where nothing is compared.

        The shown one, so that no two figures look the same and one of them alone is best.
        """
        heading = self.headings[column.metric]
        values = {row: self.value(row, column) for row in self.rows}
        there = {row: value for row, value in values.items() if value is not None}
        if len(there) < 2 or (heading.unit != "%" and not heading.lower):
            return frozenset()
        top = shown(heading, (min if heading.lower else max)(there.values()))
        best = frozenset(row for row, value in there.items() if shown(heading, value) == top)
        return frozenset() if len(best) == len(there) else best

    def mark(self, row: Row, column: Column) -> str:
        """● ○ ▲ ▼ by statistics; ● for the best as it is shown where nothing was compared."""
        comparison = self.comparison(column)
        if comparison is not None and comparison.cells:
            return self.cell(row, column).mark
        return BEST if row in self.best(column) else ""

    def cost(self, row: Row, cost: str) -> float | None:
        """A row's cost over all its sets."""
        costs = [
            (r.n, r.costs[cost])
            for (at, _), r in self._cells.items()
            if at == row and cost in r.costs
        ]
        return COSTS[cost][1](costs)

    def notes(self) -> list[str]:
        """What a reader of the table must know."""
        notes = unique(note for record in self.records for note in record.notes)
        stale = any(self._is_stale(Row.of(r), r.question_set) for r in self.records)
        left_out = [f"{fault}; its row is left out" for fault in self.faults]
        return [*left_out, *notes, *([STALE_NOTE] if stale else [])]

    def csv(self) -> str:
        """Fractions with six decimals, a signature beside each; costs at the end."""
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        columns = self.columns()
        beside = ("low", "high", "mark", "p") if self._outcomes and self.statistics else ()
        several = bool(self.means())
        head = ["system", "corpus"]
        for name, metric in columns:
            head += [f"{name}/{metric}", f"{name}/{metric}/signature"]
            head += [f"{name}/{metric}/{what}" for what in beside]
            head += [f"{name}/{metric}/spread"] if several else []
        counts = [f"{name}/{what}" for name in self.sets for what in ("n", "runs")[: 1 + several]]
        writer.writerow([*head, *counts, *self.costs])
        for row in self.rows:
            cells: list[object] = [*row[:2]]
            for name, metric in columns:
                record = self.record(row, name)
                if record and metric in record.values:
                    cells += [f"{record.values[metric]:.6f}", record.signature(metric)]
                else:
                    cells += ["", ""]
                if beside:
                    cells += _csv(self.cell(row, Column(name, metric)))
                cells += [_spread(record, metric)] if several else []
            for name in self.sets:
                record = self.record(row, name)
                cells.append(record.n if record else "")
                if several:
                    cells.append(_count(record))
            for cost in self.costs:
                value = self.cost(row, cost)
                cells.append("" if value is None else f"{value:.10g}")
            writer.writerow(cells)
        return file.getvalue()


def half_width(table: Table, row: Row, column: Column) -> str:
    """``±1.5``: half the width of a figure's interval in points, or in the metric's unit."""
    cell = table.cell(row, column)
    if cell.low is None or cell.high is None:
        return ""
    half = (cell.high - cell.low) / 2
    return f" ±{100 * half:.1f}" if table.headings[column.metric].unit == "%" else f" ±{half:.2f}"


def _csv(cell: Cell) -> list[str]:
    """low, high, mark, p."""
    ends = ["" if end is None else f"{end:.6f}" for end in (cell.low, cell.high)]
    return [*ends, cell.mark, "" if cell.p is None else f"{cell.p:.6g}"]


def _spread(record: Record | None, metric: str) -> str:
    """The standard deviation between runs; empty where there is one run."""
    if not isinstance(record, Mean) or metric not in record.values:
        return ""
    spread = record.spread(metric)
    return "" if spread is None else f"{spread:.6f}"


def _count(record: Record | None) -> object:
    """How many runs a figure is the mean of; empty where there is none."""
    if record is None:
        return ""
    return len(record.runs) if isinstance(record, Mean) else 1


def set_names(records: Iterable[Record]) -> dict[QuestionFile, str]:
    """What columns are called: a second set of one name by what it has of its own."""
    names: dict[QuestionFile, str] = {}
    for record in sorted(records, key=lambda r: (not r.published_set, r.place)):
        own = question_file(record)
        first = next((one for one in names if one[0] == own[0]), own)
        if own in names:
            continue
        if own == first:
            names[own] = own[0]
        elif own[2] != first[2] and f"{own[0]}[n={own[2]}]" not in names.values():
            names[own] = f"{own[0]}[n={own[2]}]"
        elif own[3] != first[3] and own[1] == first[1]:
            names[own] = f"{own[0]}[match={own[3]}]"
        else:
            names[own] = f"{own[0]}[questions={own[1]}]"
    return names


def family(metric: str) -> str:
    """A metric without its k."""
    return metric.partition("@")[0]


def _by_family(metrics: list[str]) -> list[str]:
    """Metrics of one name together, in the order of their k."""
    families = unique(family(metric) for metric in metrics)

    def place(metric: str) -> tuple[int, int]:
        k = metric.partition("@")[2]
        return families.index(family(metric)), int(k) if k.isdecimal() else 0

    return sorted(metrics, key=place)


def unique(items: Iterable[T]) -> list[T]:
    """Each once, in order."""
    return list(dict.fromkeys(items))
