"""`qa-bench plot`: an experiment's results as pictures, with the points of each as CSV."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from qa_bench.cli import tower_plot
from qa_bench.cli.analyse import systems
from qa_bench.errors import DataError, UserError
from qa_bench.formats.statements import Statement
from qa_bench.parts import make
from qa_bench.report.files import alone
from qa_bench.report.outcomes import Outcomes, read
from qa_bench.report.plots import (
    alpha,
    chunks,
    curve,
    depth,
    forest,
    pareto,
    scaling,
    setting,
    towers,
)
from qa_bench.report.plots.entries import Entry, Request
from qa_bench.report.plots.sheet import Look, Point, pictures, table
from qa_bench.report.record import Record
from qa_bench.report.rows import QuestionFile, Row, choose, ordered, question_file
from qa_bench.report.runs import averaged, members, outcomes_of, over_settings
from qa_bench.settings import flag, one_of
from qa_bench.types import Runtime

Points = Callable[[Sequence[Entry], Request], list[Point]]
Draw = Callable[[Look, Sequence[Point]], Any]

KINDS: dict[str, tuple[Points, Draw]] = {
    "curve": (curve.points, curve.draw),
    "forest": (forest.points, forest.draw),
    "pareto": (pareto.points, pareto.draw),
    "depth": (depth.points, depth.draw),
    "chunks": (chunks.points, chunks.draw),
    "scaling": (scaling.points, scaling.draw),
}
"""What makes the points of a kind from an experiment's records, and what draws them."""

ALPHA, TOWERS, SETTING = "alpha", "towers", "setting"
"""The kinds that are made of something else: what ``tune`` has written, vectors of the models; or
are drawn as settings say."""


def plot(config: Any) -> str:
    """Write ``results/<name>/plots/<kind>`` as .svg, .png and .csv, and return what was written.

    Raises:
        UserError: a setting is wrong, matplotlib is not there, or there is nothing to draw.
        DataError: a record or a per-question file that is missing, or was edited.
    """
    settings = config.plot
    one_of("plot.kind", settings.kind, (*KINDS, ALPHA, TOWERS, SETTING))
    flag("plot.log", settings.log, optional=True)
    look = Look.of(settings.width, settings.font)
    if importlib.util.find_spec("matplotlib") is None:
        raise UserError("plots are drawn by matplotlib: pip install 'qa-bench[plots]'")
    home = Path(config.paths.results) / config.name
    stem = home / "plots" / settings.kind if settings.out is None else Path(str(settings.out))
    draw: Draw
    if settings.kind == ALPHA:
        points, draw = alpha.points(home / "tune"), alpha.draw
    elif settings.kind == TOWERS:
        entries, request = _entries(config)
        runtime = Runtime(**config.runtime)
        points = tower_plot.points(entries, settings, request.statistics.alpha, runtime)
        draw = towers.draw
    elif settings.kind == SETTING:
        entries, request = _entries(config)
        points = setting.points(entries, request)
        draw = setting.draw_by(settings.by, settings.log)
    else:
        make_points, draw = KINDS[settings.kind]
        points = make_points(*_entries(config))
    paths = [*pictures(stem, points, draw, look), table(stem, points)]
    return f"plot: {', '.join(map(str, paths))}"


def _entries(config: Any) -> tuple[list[Entry], Request]:
    """What is drawn, and what of it."""
    settings, statistics = config.plot, make("statistics", config.statistics)
    over = [] if settings.kind == TOWERS else over_settings(config.table.over)  # one model a panel
    with alone(Path(config.paths.results), config.name, list(config.merge)) as pairs:
        paths = {_cell(record): path for record, path in pairs}
        records = averaged([record for record, _ in pairs], over)
        chosen = choose(records, names) if (names := systems(config)) else records
        baseline = None
        if statistics.against is not None and settings.kind == "forest":
            rows = list(dict.fromkeys(map(Row.of, choose(records, [statistics.against]))))
            if len(rows) > 1:
                raise UserError(
                    f"statistics.against: '{statistics.against}' is {len(rows)} rows: name one by "
                    "its full label or its key"
                )
            (baseline,) = rows
            chosen = [*chosen, *(r for r in records if Row.of(r) == baseline and r not in chosen)]
        chosen, rows = _of_sets(chosen, settings.sets), ordered(records)
        one_file_a_set(chosen)
        entries = [
            _entry(record, paths)
            for record in sorted(
                (record for record in records if record in chosen),
                key=lambda record: rows.index(Row.of(record)),
            )
        ]
    return entries, Request(settings.metric, settings.cost, baseline, statistics, settings.by)


def one_file_a_set(records: Sequence[Record]) -> None:
    """That no two question files stand under one name: a panel is one set.

    Raises:
        UserError: they do.
    """
    for record in records:
        for other in records:
            if other.question_set == record.question_set and (
                question_file(other) != question_file(record)
            ):
                raise UserError(
                    f"{record.question_set} is two question files, of {record.n:,} "
                    f"({record.system}) and {other.n:,} questions ({other.system}): a plot shows "
                    "one; choose with system=…, or draw one folder"
                )


def _of_sets(records: Sequence[Record], sets: Any) -> list[Record]:
    """The records of the sets that ``plot.sets`` names, one or a list; all for null.

    Raises:
        UserError: there is no such set among the results.
    """
    if sets is None:
        return list(records)
    names = [sets] if isinstance(sets, str) else [str(name) for name in sets]
    there = list(dict.fromkeys(record.question_set for record in records))
    for name in names:
        one_of("plot.sets", name, there)
    return [record for record in records if record.question_set in names]


def _cell(record: Record) -> tuple[Row, QuestionFile]:
    return Row.of(record), question_file(record)


def _entry(record: Record, paths: Mapping[tuple[Row, QuestionFile], Path]) -> Entry:
    """A record with its values; of several runs, with the configuration of the first."""
    runs = [(run, paths[_cell(run)]) for run in members(record)]
    known = [_outcomes(*run) for run in runs]
    (outcomes,) = outcomes_of([record], known)
    path = outcomes.path
    statement = Statement.of(json.loads(path.read_text(encoding="utf-8")), path)
    return Entry(record, outcomes, statement.config, statement.command)


def _outcomes(record: Record, path: Path) -> Outcomes:
    outcomes = read(record, path, ("first_rank",))
    if outcomes is None:
        raise DataError("no per-question values: run the system again", path.with_suffix(".csv"))
    return outcomes
