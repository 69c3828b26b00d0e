"""A metric by any number that an experiment sweeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from qa_bench.errors import UserError
from qa_bench.report.plots.entries import (
    Entry,
    Request,
    leave_out,
    metric_of,
    setting,
    with_metric,
    without_change,
    without_passages_change,
)
from qa_bench.report.plots.sheet import Look, Point
from qa_bench.report.plots.sweep import draw_over, swept
from qa_bench.report.record import Record
from qa_bench.report.rows import Row

_DECADE = 10
_SHOWN = {"examples": "train.examples", "non_embedding_parameters": "train.base"}
"""The settings that costs follow from: a line is not called by what its x-axis shows."""


def points(entries: Sequence[Entry], request: Request) -> list[Point]:
    """By ``plot.by``: a setting of the configuration, else a cost of the record.

    What has no such number (BM25, where training is swept) has an empty place: it stands beside.

    Raises:
        UserError: no setting is named, none has such a number, or all have the same.
    """
    by = request.by
    if not by:
        raise UserError(
            "kind=setting draws a metric by a number that an experiment sweeps: plot.by=<its name, "
            "such as train.examples>"
        )
    metric = metric_of(entries, request.metric)
    every = with_metric(entries, metric)
    at = partial(_place, by=by)
    there = [entry for entry in every if at(entry) is not None]
    if not there:
        leave_out(every, there, f"no row has a number {by} (plot.by)")
    if len(places := {at(entry) for entry in there}) < 2:
        raise UserError(f"nothing to draw: {by} is {places.pop():g} in all rows (plot.by)")
    sets = {entry.record.question_set for entry in there}
    shown = [entry for entry in every if entry.record.question_set in sets]
    leave_out(every, shown, f"nothing of the set has a number {by}")
    beside = {Row.of(entry.record) for entry in shown if at(entry) is None}

    def without(record: Record) -> Record:
        return _without(record, by, beside)

    return swept(shown, request, metric, "x", at, without)


def _place(entry: Entry, by: str) -> float | None:
    value = setting(entry, by)
    cost = entry.record.costs.get(by)
    return value if value is not None or cost is None else float(cost)


def _without(record: Record, by: str, beside: set[Row]) -> Record:
    """A record as if the number had not been set; it is no row that stands beside."""
    if Row.of(record) in beside:
        return record
    name = _SHOWN.get(by, by)
    if name.startswith(("chunker.", "corpus.")):
        return without_passages_change(record, name)
    bare = without_change(record, f"{name.removeprefix('retriever.')}=")
    if Row.of(bare) not in beside:
        return bare
    mark = f"{name}=…"  # else the line would be called as the row beside it
    changes = [*bare.changes, mark]
    base = bare.system.removesuffix(f"[{','.join(bare.changes)}]")
    return replace(bare, changes=changes, system=f"{base}[{','.join(changes)}]")


def draw_by(by: str, log: bool | None) -> Callable[[Look, Sequence[Point]], Any]:
    """A way to draw such points.

    Args:
        by: what the x-axis is.
        log: whether it is logarithmic; None where values span more than a decade.
    """

    def scale(places: Sequence[float]) -> str:
        wide = places[0] > 0 and places[-1] / places[0] > _DECADE
        if not (wide if log is None else log):
            return "linear"
        return "log" if places[0] > 0 else "symlog"

    return draw_over("x", by, scale)
