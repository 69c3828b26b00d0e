"""The tables for people to read and to paste: Markdown, in the layout of DPR's tables.

One table a metric family, rows are systems, columns k × sets: first all sets at one k, then all at
the next. None has 12 columns or more: a wider family goes on in another table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from qa_bench.report.captions import captions, comparisons
from qa_bench.report.comparable import compared
from qa_bench.report.comparison import BEST
from qa_bench.report.counts import distance
from qa_bench.report.published_lines import not_comparable, sources
from qa_bench.report.record import Record
from qa_bench.report.rows import Row
from qa_bench.report.table import COSTS, Column, Table, family, half_width, unique

_WIDEST = 11
"""Columns of a table, that of the systems among them."""


def markdown(table: Table) -> str:
    """Per cents with two decimals, the best in bold, the published figure beside it in brackets."""
    parts = [f"# {table.experiment}", ""]
    notes = table.notes()
    parts += [*(f"> **{note}**" for note in notes), ""] if notes else []
    if table.shared:
        parts += [f"All rows: {_cell(table.shared)}", ""]
    for title, columns in families(table):
        parts += [f"## {title}", ""]
        for piece in pieces(columns):
            parts += [*_figures(table, piece), ""]
    parts += ["Per cent of all questions of the set, the best of a column in bold; in brackets"
              " a published figure, and how many questions more are right here."]  # fmt: skip
    parts += [piece for line in captions(table) for piece in ("", line)]
    parts += ["", "## Cost", "", *_costs(table)]
    parts += ["", "## Signatures", "", *(f"- `{text}`" for text in _signatures(table))]
    if lines := comparisons(table):
        parts += ["", "## Comparisons", "", *(f"- `{text}`" for text in lines)]
    if lines := sources(table.records):
        parts += ["", "## Published figures", "", *lines]
    if lines := not_comparable(table.records):
        parts += ["", "## Published figures, not comparable", "", *lines]
    return "\n".join(parts) + "\n"


def families(table: Table) -> Iterator[tuple[str, list[list[Column]]]]:
    """(title, columns by k) of each family of metrics of a table."""
    there = table.columns()
    for name in unique(family(metric) for metric in table.metrics):
        metrics = [metric for metric in table.metrics if family(metric) == name]
        by_k = [[column for column in there if column.metric == metric] for metric in metrics]
        yield _title([table.headings[metric].title for metric in metrics]), by_k


def _title(headings: Sequence[str]) -> str:
    """Of ``Top-1``, ``Top-20``: ``Top-k``; of one, itself."""
    if len(headings) == 1:
        return headings[0]
    digits = "0123456789"
    names = unique(f"{h.rstrip(digits)}k" if h[-1:].isdigit() else h for h in headings)
    if len(names) == 1:
        return names[0]
    names = unique(h.lstrip(digits).strip() if h[:1].isdigit() else h for h in headings)
    return names[0] if len(names) == 1 else ", ".join(headings)


def pieces(groups: Sequence[Sequence[Column]]) -> Iterator[list[Column]]:
    """As many k side by side as a table holds; the sets of one k apart only where they must."""
    piece: list[Column] = []
    for group in groups:
        if piece and len(piece) + len(group) >= _WIDEST:
            yield piece
            piece = []
        for column in group:
            if len(piece) + 1 == _WIDEST:
                yield piece
                piece = []
            piece.append(column)
    if piece:
        yield piece


def _figures(table: Table, columns: Sequence[Column]) -> list[str]:
    head = [f"{name} {table.headings[metric].title}" for name, metric in columns]
    rows = []
    for row in table.rows:
        cells = [_figure(table, row, column) for column in columns]
        if any(cells):
            rows.append([table.labels[row], *cells])
    return _markdown(["system", *head], rows)


def _figure(table: Table, row: Row, column: Column) -> str:
    ours = table.figure(row, column)
    record = table.record(row, column.set)
    if not ours or record is None:
        return ours
    published = _published(record, column.metric)
    mark = table.mark(row, column)
    figure = f"**{ours}**" if mark.startswith(BEST) else ours
    if table.comparison(column) is None:
        return figure + published
    return " ".join(filter(None, [figure + half_width(table, row, column), mark])) + published


def _published(record: Record, metric: str) -> str:
    """The nearest published figure and the questions between: `` [62.94, +0]``; empty for none."""
    if not (figures := compared(record, metric)):
        return ""
    right = round(record.values[metric] * record.n)
    return f" [{figures[0].value}, {distance(right, figures[0].value, record.n):+,}]"


def _costs(table: Table) -> list[str]:
    """Costs and numbers of questions; the latter in a table of their own where there are many."""
    counts, costs = [f"{name} n" for name in table.sets], [COSTS[c][0] for c in table.costs]
    rows = [(table.labels[row], _counts(table, row), _spent(table, row)) for row in table.rows]
    if 1 + len(counts) + len(costs) <= _WIDEST:
        both = [[label, *numbers, *spent] for label, numbers, spent in rows]
        return _markdown(["system", *counts, *costs], both)
    lines = _markdown(["system", *costs], [[label, *spent] for label, _, spent in rows])
    for start in range(0, len(counts), _WIDEST - 1):
        part = slice(start, start + _WIDEST - 1)
        numbers = [[label, *numbers[part]] for label, numbers, _ in rows]
        lines += ["", *_markdown(["system", *counts[part]], numbers)]
    return lines


def _counts(table: Table, row: Row) -> list[str]:
    records = [table.record(row, name) for name in table.sets]
    return [str(record.n) if record else "" for record in records]


def _spent(table: Table, row: Row) -> list[str]:
    values = [table.cost(row, cost) for cost in table.costs]
    return ["" if value is None else _plain(value) for value in values]


def _plain(value: float) -> str:
    """A cost: a decimal, or two digits of what is less than one."""
    return f"{value:.2g}" if 0 < value < 1 else f"{value:,.1f}".removesuffix(".0")


def _signatures(table: Table) -> list[str]:
    return unique(
        f"{record.question_set} {record.signature(metric)}"
        for record in table.records
        for metric in record.values
    )


def _markdown(head: list[str], rows: list[list[str]]) -> list[str]:
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return ["| " + " | ".join(map(_cell, line)) + " |" for line in lines]


def _cell(text: str) -> str:
    """Text that breaks no table and no line."""
    return " ".join(text.split()).replace("|", "\\|")
