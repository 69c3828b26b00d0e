"""Which differences between the rows of a column are real: intervals, marks, and in which words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from qa_bench.errors import DataError
from qa_bench.protocols import Statistics
from qa_bench.report.outcomes import Outcomes
from qa_bench.report.rows import Row
from qa_bench.statistics.column import ColumnStatistics
from qa_bench.statistics.replicates import Replicates

BEST, TIED, BETTER, WORSE = "●", "○", "▲", "▼"


class Cell(NamedTuple):
    """What is known of a figure beside it.

    Attributes:
        low: end of its interval, as the figure; None where it is only reported.
        high: the other end.
        mark: ● the best of its column, ○ not separable from it; ▲ better, ▼ worse than the
            baseline; empty where nothing is said.
        p: adjusted, against the baseline where there is one, else against the best; None for those
            themselves, and where nothing was compared.
    """

    low: float | None = None
    high: float | None = None
    mark: str = ""
    p: float | None = None


NOTHING = Cell()


class Comparison(NamedTuple):
    """A column's rows compared.

    Attributes:
        cells: by row; those that are only reported have none.
        statistics: what was computed; None where rows differ in their rules of matching.
        groups: number of the questions' groups; 0 where the set has none.
    """

    cells: Mapping[Row, Cell]
    statistics: ColumnStatistics | None = None
    groups: int = 0


class _Part(NamedTuple):
    """Rows of a metric that can be compared with each other.

    Attributes:
        rows: they.
        mode: their rules of matching.
        missing: which questions have no value, bool (n,) as bytes.
        lower: whether the lower value is the better one.
    """

    rows: tuple[Row, ...]
    mode: str
    missing: bytes
    lower: bool


def compare(
    outcomes: Mapping[Row, Outcomes], statistics: Statistics, baseline: Row | None
) -> dict[str, Comparison]:
    """Compare the rows of a question set, a metric at a time.

    Args:
        outcomes: by row; all of one question set.
        statistics: how.
        baseline: a row that all are held against.

    Raises:
        DataError: the rows' questions, or what they were drawn with, are not the same.
    """
    groups = groups_of(list(outcomes.values()))
    if any(one.single for one in outcomes.values()):
        return {}  # one group tells nothing of another
    parts: dict[str, list[_Part]] = {}
    for row, one in outcomes.items():
        for metric in one.record.values:
            values = one.values(metric)
            part = _Part((), one.record.mode, np.isnan(values).tobytes(), one.lower(metric))
            several = parts.setdefault(metric, [])
            place = next((at for at, other in enumerate(several) if other[1:] == part[1:]), None)
            if place is None:
                several.append(part._replace(rows=(row,)))
            else:
                several[place] = part._replace(rows=(*several[place].rows, row))
    metrics_of: dict[_Part, list[str]] = {}
    for metric, several in parts.items():
        for part in several:
            metrics_of.setdefault(part, []).append(metric)
    compared = {
        part: _compared(part, metrics, outcomes, statistics, baseline, groups)
        for part, metrics in metrics_of.items()
    }
    comparisons: dict[str, Comparison] = {}
    for metric, several in parts.items():
        own = [compared[part][metric] for part in several if metric in compared[part]]
        cells = {row: cell for one in own for row, cell in one.cells.items()}
        single = own[0] if len(several) == 1 and own else Comparison({})
        comparisons[metric] = single._replace(cells=cells)
    return comparisons


def groups_of(outcomes: Sequence[Outcomes]) -> np.ndarray | None:
    """What the set's questions were drawn with, whichever row tells; (n,).

    Raises:
        DataError: rows differ in it, or in their questions.
    """
    groups: np.ndarray | None = None
    teller = None
    runs = [run for one in outcomes for run in one.each]
    for one in runs:
        first = runs[0]
        if not one.table.column("qid").equals(first.table.column("qid")):
            why = f"its questions are not those of {first.path.name}, or in another order"
            raise DataError(f"{why}: run it again", one.path.with_suffix(".csv"))
        if one.groups is None:
            continue
        if teller is not None and groups is not None and not (one.groups == groups).all():
            why = f"its questions are in other groups than those of {teller.path.name}"
            raise DataError(f"{why}: run one of them again", one.path.with_suffix(".csv"))
        groups, teller = one.groups, one
    return groups


def values_of(
    outcomes: Sequence[Outcomes], metric: str, there: np.ndarray, sign: int = 1
) -> np.ndarray | Replicates:
    """A metric's values: (systems, n), or ``Replicates`` where one is the mean of several runs.

    Args:
        outcomes: of the systems.
        metric: its name.
        there: which questions have one; bool (all questions,).
        sign: what they are multiplied with: -1 where the lower one is the better.
    """
    runs = [sign * one.of_runs(metric)[:, there] for one in outcomes]
    if all(len(one) == 1 for one in runs):
        return np.concatenate(runs)
    return Replicates(runs, [one.seeds or ("",) for one in outcomes])


def _compared(
    part: _Part,
    metrics: Sequence[str],
    outcomes: Mapping[Row, Outcomes],
    statistics: Statistics,
    baseline: Row | None,
    groups: np.ndarray | None,
) -> dict[str, Comparison]:
    """Rows that were scored by the same rules, over the questions with a value."""
    rows = part.rows
    first = outcomes[rows[0]]
    there = ~np.frombuffer(part.missing, dtype=bool)
    codes = None if groups is None else np.unique(groups[there], return_inverse=True)[1]
    if not there.any() or (codes is not None and not codes.any()):
        return {}
    sign = -1 if part.lower else 1  # statistics take more for better
    columns = statistics.columns(
        {
            metric: values_of([outcomes[row] for row in rows], metric, there, sign)
            for metric in metrics
        },
        rows.index(baseline) if baseline in rows else None,
        codes,
        first.record.questions,
    )
    count = 0 if codes is None else int(codes.max()) + 1
    missing = baseline is not None and baseline not in rows
    compared = {}
    for metric, column in columns.items():
        cells, shown = _cells(column, len(rows), missing), column
        if part.lower:
            cells, shown = [_turned(cell) for cell in cells], column.turned()
        compared[metric] = Comparison(dict(zip(rows, cells, strict=True)), shown, count)
    return compared


def _turned(cell: Cell) -> Cell:
    """A cell of values whose signs were changed, as of the values themselves."""
    low, high = (None if end is None else -end for end in (cell.high, cell.low))
    return cell._replace(low=low, high=high)


def _cells(statistics: ColumnStatistics, rows: int, missing: bool) -> list[Cell]:
    """Without p where the baseline is missing: one against the best would pass for one of it."""
    cells = [_cell(statistics, place, rows) for place in range(rows)]
    return [cell._replace(p=None) for cell in cells] if missing else cells


def _cell(statistics: ColumnStatistics, place: int, rows: int) -> Cell:
    low, high = (_end(ends[place]) for ends in (statistics.low, statistics.high))
    if rows == 1:
        return Cell(low, high)
    best = bool(statistics.best[place])
    mark = BEST if best else TIED if statistics.tied[place] else ""
    if statistics.p is None or statistics.difference is None:
        return Cell(low, high, mark, None if best else float(statistics.p_best[place]))
    p, difference = float(statistics.p[place]), float(statistics.difference[place])
    if p < statistics.alpha and difference:
        mark += BETTER if difference > 0 else WORSE
    return Cell(low, high, mark, p)


def _end(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
