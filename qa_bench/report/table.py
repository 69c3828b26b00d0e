"""Tables: rows are systems, columns are question set × metric; CSV, Markdown and the terminal."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from qa_bench.engine.files import write_whole
from qa_bench.report.published import Published, find
from qa_bench.report.record import Record, load
from qa_bench.types import Heading

PAPER_ORDER = ("nq", "triviaqa", "webq", "curatedtrec", "squad")
"""The order of DPR's tables; other sets follow by name."""

Known = Sequence[tuple[int, float]]
"""(questions, cost) of a row's sets."""


def _largest(known: Known) -> float | None:
    return max((cost for _, cost in known), default=None)


def _rate(known: Known) -> float | None:
    """Questions a second over all sets."""
    seconds = sum(n / cost for n, cost in known if cost)
    return sum(n for n, _ in known) / seconds if seconds else None


def _mean(known: Known) -> float | None:
    """The mean over all sets' questions."""
    questions = sum(n for n, _ in known)
    return sum(n * cost for n, cost in known) / questions if questions else None


COSTS: dict[str, tuple[str, Callable[[Known], float | None]]] = {
    "passages": ("passages", _largest),
    "index_mb": ("index MB", _largest),
    "build_s": ("build s", _largest),
    "questions_per_s": ("questions/s", _rate),
    "rerank_s": ("rerank s/question", _mean),
    "read_s": ("read s/question", _mean),
    "read_tokens": ("tokens/question", _mean),
    "exact_percent": ("% of exact hits", _mean),
}
"""Cost columns: headers, and how a row's sets make one figure. Those no record has are left
out. Build is chunking and indexing, on the machine that built it; the last is of approximate
search.
"""

T = TypeVar("T")

Row = tuple[str, str, str]
"""(system, corpus, passages key): what one table row is about."""


def shown(heading: Heading, value: float) -> str:
    """A value as a table shows it: per cents with two decimals, or the value in its unit."""
    return f"{100 * value:.2f}" if heading.unit == "%" else f"{value:.2f} {heading.unit}"


class Table:
    """All records of an experiment, arranged."""

    def __init__(self, experiment: str, records: Sequence[Record]) -> None:
        """Arrange the records."""
        self.experiment = experiment
        place = {name: number for number, name in enumerate(PAPER_ORDER)}
        self.records = sorted(
            records,
            key=lambda r: (r.system, r.corpus, r.passages_key, place.get(r.dataset, 99), r.dataset),
        )
        self._cells = {(self._row(r), _set(r)): r for r in self.records}
        self.rows = _unique(self._row(r) for r in self.records)
        by_set = sorted(self.records, key=lambda r: (place.get(r.dataset, 99), r.dataset, r.split))
        self.sets = _unique(_set(r) for r in by_set)
        self.costs = [cost for cost in COSTS if any(cost in r.costs for r in self.records)]
        self.headings = {
            metric: r.heading(metric) for r in self.records[::-1] for metric in r.values
        }
        self.metrics = _by_family(_unique(metric for r in self.records for metric in r.values))

    @staticmethod
    def _row(record: Record) -> Row:
        return record.system, record.corpus, record.passages_key

    def _columns(self) -> list[tuple[str, str]]:
        """(set, metric) pairs that hold at least one figure."""
        return [
            (name, metric)
            for name in self.sets
            for metric in self.metrics
            if any(
                (record := self._cells.get((row, name))) and metric in record.values
                for row in self.rows
            )
        ]

    def _cost(self, row: Row, cost: str) -> float | None:
        """A row's cost over all its sets."""
        known = [
            (r.n, r.costs[cost])
            for (at, _), r in self._cells.items()
            if at == row and cost in r.costs
        ]
        return COSTS[cost][1](known)

    def csv(self) -> str:
        """Fractions with six decimals, a signature beside each; costs at the end."""
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        columns = self._columns()
        head = ["system", "corpus"]
        for name, metric in columns:
            head += [f"{name}/{metric}", f"{name}/{metric}/signature"]
        writer.writerow([*head, *(f"{name}/n" for name in self.sets), *self.costs])
        for row in self.rows:
            cells: list[object] = [*row[:2]]
            for name, metric in columns:
                record = self._cells.get((row, name))
                if record and metric in record.values:
                    cells += [f"{record.values[metric]:.6f}", record.signature(metric)]
                else:
                    cells += ["", ""]
            for name in self.sets:
                record = self._cells.get((row, name))
                cells.append(record.n if record else "")
            for cost in self.costs:
                value = self._cost(row, cost)
                cells.append("" if value is None else f"{value:.10g}")
            writer.writerow(cells)
        return file.getvalue()

    def markdown(self) -> str:
        """Per cents with two decimals; the published figure in brackets where it is comparable."""
        columns = self._columns()
        parts = [f"# {self.experiment}", "", *self._notes()]
        parts += _markdown(
            ["system", *(f"{name} {self.headings[metric].title}" for name, metric in columns)],
            [
                [self._label(row), *(self._cell(row, name, metric) for name, metric in columns)]
                for row in self.rows
            ],
        )
        parts += ["", "Per cent of all questions of the set; a figure in brackets is published."]
        parts += ["", "## Cost", ""]
        parts += _markdown(
            [
                "system",
                *(f"{name} n" for name in self.sets),
                *(COSTS[cost][0] for cost in self.costs),
            ],
            [[self._label(row), *self._counts(row), *self._costs(row)] for row in self.rows],
        )
        parts += ["", "## Signatures", ""]
        parts += [f"- `{text}`" for text in self._signatures()]
        if sources := self._sources():
            parts += ["", "## Published figures", "", *sources]
        return "\n".join(parts) + "\n"

    def text(self) -> str:
        """The terminal's table: one line a system and set."""
        titles = [self.headings[metric].title for metric in self.metrics]
        lines = [["system", "dataset", "n", *titles, "questions/s"]]
        for record in self.records:
            rate = record.costs.get("questions_per_s")
            lines.append(
                [
                    self._label(self._row(record)),
                    _set(record),
                    str(record.n),
                    *(
                        shown(self.headings[m], record.values[m]) if m in record.values else "-"
                        for m in self.metrics
                    ),
                    "-" if rate is None else f"{rate:.0f}",
                ]
            )
        widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
        left = {0, 1}
        body = [
            "  ".join(
                cell.ljust(width) if i in left else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]
        return "\n".join([*self._plain_notes(), *body])

    def _label(self, row: Row) -> str:
        """The system, and its corpus where the table holds the system on more than one."""
        system, corpus, key = row
        twins = [other for other in self.rows if other[0] == system]
        if len(twins) == 1:
            return system
        same_name = [other for other in twins if other[1] == corpus]
        corpus = corpus or "as given"
        return f"{system} ({corpus})" if len(same_name) == 1 else f"{system} ({corpus} {key[:8]})"

    def _cell(self, row: Row, name: str, metric: str) -> str:
        record = self._cells.get((row, name))
        if not record or metric not in record.values:
            return ""
        ours = shown(self.headings[metric], record.values[metric])
        figures = _comparable(record, metric)
        return f"{ours} [{' / '.join(figure.value for figure in figures)}]" if figures else ours

    def _counts(self, row: Row) -> list[str]:
        records = [self._cells.get((row, name)) for name in self.sets]
        return [str(record.n) if record else "" for record in records]

    def _costs(self, row: Row) -> list[str]:
        values = [self._cost(row, cost) for cost in self.costs]
        return ["" if value is None else f"{value:,.1f}".removesuffix(".0") for value in values]

    def _plain_notes(self) -> list[str]:
        return _unique(note for record in self.records for note in record.notes)

    def _notes(self) -> list[str]:
        notes = self._plain_notes()
        return [*(f"> **{note}**" for note in notes), ""] if notes else []

    def _signatures(self) -> list[str]:
        return _unique(
            f"{_set(record)} {record.signature(metric)}"
            for record in self.records
            for metric in record.values
        )

    def _sources(self) -> list[str]:
        return _unique(
            f"- {figure.system}: {figure.source}"
            for record in self.records
            for metric in record.values
            for figure in _comparable(record, metric)
        )


def _comparable(record: Record, metric: str) -> list[Published]:
    if not (record.published_set and record.published_corpus):
        return []
    return find(record.published_as, record.corpus, record.dataset, record.split, metric)


def _set(record: Record) -> str:
    return record.dataset if record.split == "test" else f"{record.dataset}-{record.split}"


def _by_family(metrics: list[str]) -> list[str]:
    """Metrics of one name together, in the order of their k."""
    families = _unique(metric.partition("@")[0] for metric in metrics)
    return sorted(
        metrics,
        key=lambda m: (families.index(m.partition("@")[0]), int(m.partition("@")[2] or 0)),
    )


def _unique(items: Iterable[T]) -> list[T]:
    return list(dict.fromkeys(items))


def _markdown(head: list[str], rows: list[list[str]]) -> list[str]:
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]


def write_tables(results: Path, experiment: str) -> Table:
    """Write ``<experiment>.csv`` and ``.md`` from the experiment's records.

    Raises:
        UserError: there are no records.
    """
    table = Table(experiment, load(results, experiment))
    write_whole(results / f"{experiment}.csv", table.csv())
    write_whole(results / f"{experiment}.md", table.markdown())
    return table
