"""The terminal's table, at most 80 columns wide: sets side by side, or one below the other."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Sequence

from qa_bench.report.captions import captions, means
from qa_bench.report.comparison import BEST
from qa_bench.report.rows import Row
from qa_bench.report.table import STALE, Column, Table, half_width

WIDTH = 80
_GAP = 2
_LABEL = 46
"""Columns of a label."""


def text(table: Table) -> str:
    """Per cents with two decimals, the best of each column marked; notes on top."""
    blocks = _blocks(table)
    lines = list(table.notes())
    if table.shared:
        lines.append(f"all rows: {table.shared}")
    for number, block in enumerate(blocks):
        gap = _GAP if _width(table, block) <= WIDTH else 1
        lines += ([""] if number else []) + _drawn(table, block, gap)
    below = captions(table)
    if below == means(table) and any(table.best(column) for column in table.columns()):
        below = [*below, f"{BEST} the best of its column"]
    lines += [piece for line in below for piece in textwrap.wrap(line, WIDTH)]
    return "\n".join(lines)


def _blocks(table: Table) -> list[list[Column]]:
    """The columns, in as many blocks as 80 columns ask for: whole sets, where they fit."""
    by_set = [[c for c in table.columns() if c.set == name] for name in table.sets]
    if _width(table, [column for group in by_set for column in group]) <= WIDTH:
        return [[column for group in by_set for column in group]]
    blocks: list[list[Column]] = []
    for group in by_set:
        block: list[Column] = []
        for column in group:
            if block and _width(table, [*block, column], gap=1) > WIDTH:
                blocks.append(block)
                block = []
            block.append(column)
        blocks.append(block)
    return [block for block in blocks if block]


def _drawn(table: Table, columns: Sequence[Column], gap: int = _GAP) -> list[str]:
    """One block: two lines of heads where it has several sets, else the set stands on the left."""
    rows = [row for row in table.rows if any(table.figure(row, column) for column in columns)]
    sets = list(dict.fromkeys(column.set for column in columns))
    heads = [_head(table, name) for name in sets]
    names = _names(table)
    left = [heads[0] if len(sets) == 1 else "", *(names[row] for row in rows)]
    wide = max(map(_wide, left))
    cells = [_column(table, column, rows) for column in columns]
    lines = []
    if len(sets) > 1:
        cells = _under_heads(columns, cells, sets, heads, gap)
        over = " " * wide
        for name, head in zip(sets, heads, strict=True):
            span = [cell for column, cell in zip(columns, cells, strict=True) if column.set == name]
            over += " " * gap + head.rjust(sum(len(c[0]) for c in span) + gap * (len(span) - 1))
        lines.append(over.rstrip())
    for place, label in enumerate(left):
        line = label + " " * (wide - _wide(label))
        lines.append((line + "".join(" " * gap + cell[place] for cell in cells)).rstrip())
    return lines


def _names(table: Table) -> dict[Row, str]:
    """The rows' labels; those that leave no room for figures lose their middle."""
    names = {row: _cut(label) for row, label in table.labels.items()}
    return names if len(set(names.values())) == len(names) else table.labels


def _cut(label: str) -> str:
    if _wide(label) <= _LABEL:
        return label
    front, end = label, label[::-1]
    while _wide(front) > _LABEL - 17:
        front = front[:-1]
    while _wide(end) > 16:
        end = end[:-1]
    return f"{front}…{end[::-1]}"


def _head(table: Table, name: str) -> str:
    """The set and its number of questions, where all rows have the same."""
    counts = {record.n for record in table.records if record.question_set == name}
    return f"{name} ({counts.pop()})" if len(counts) == 1 else name


def _column(table: Table, column: Column, rows: Sequence[Row]) -> list[str]:
    """Title and figures of a column, all of one width; marks stand right of the digits."""
    figures = []
    for row in rows:
        figure = table.figure(row, column) or "-"
        stale = figure.endswith(STALE)
        marks = (STALE if stale else "") + table.mark(row, column)
        figure = figure.removesuffix(STALE)
        figures.append((figure + half_width(table, row, column), marks))
    after = max(len(marks) for _, marks in figures)
    cells = [figure + marks.ljust(after) for figure, marks in figures]
    title = table.headings[column.metric].title + " " * after
    wide = max(map(_wide, [title, *cells]))
    return [" " * (wide - _wide(cell)) + cell for cell in [title, *cells]]


def _under_heads(
    columns: Sequence[Column],
    cells: list[list[str]],
    sets: Sequence[str],
    heads: Sequence[str],
    gap: int,
) -> list[list[str]]:
    """The cells, a set's first column widened where its head needs more room."""
    widened = [list(cell) for cell in cells]
    for name, head in zip(sets, heads, strict=True):
        places = [place for place, column in enumerate(columns) if column.set == name]
        width = sum(len(widened[p][0]) for p in places) + gap * (len(places) - 1)
        if (more := _wide(head) - width) > 0:
            widened[places[0]] = [" " * more + cell for cell in widened[places[0]]]
    return widened


def _width(table: Table, columns: Sequence[Column], gap: int = _GAP) -> int:
    return max((_wide(line) for line in _drawn(table, columns, gap)), default=0)


def _wide(text: str) -> int:
    """How many cells of a terminal a text takes: East Asian letters take two."""
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF"
        else 1
        for letter in text
    )  # fmt: skip
