"""A forest: how far each system is from a baseline, with the interval of the difference."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from qa_bench.errors import UserError
from qa_bench.report.comparison import groups_of, values_of
from qa_bench.report.plots.entries import Entry, Request, labels, metric_of, with_metric
from qa_bench.report.plots.sheet import GREY, Look, Point, Sheet, percent
from qa_bench.report.rows import Row

log = logging.getLogger(__name__)


def points(entries: Sequence[Entry], request: Request) -> list[Point]:
    """The differences on every set; intervals are of each pair alone, p adjusted for the family.

    Raises:
        UserError: there is nothing to compare with, or statistics=none.
    """
    metric = metric_of(entries, request.metric)
    there = with_metric(entries, metric)
    names = labels(entries)
    every: list[Point] = []
    for name in dict.fromkeys(entry.record.question_set for entry in there):
        members = [entry for entry in there if entry.record.question_set == name]
        every += _of_set(name, members, names, metric, request)
    if not every:
        raise UserError("nothing to draw: kind=forest needs two systems on one set")
    return every


def _of_set(
    name: str, members: Sequence[Entry], names: dict[Row, str], metric: str, request: Request
) -> list[Point]:
    baseline = _baseline(members, metric, request)
    if baseline is None:
        log.warning("not drawn: %s: the baseline has no %s there", name, metric)
        return []
    rules = baseline.record.signature(metric)
    same = [entry for entry in members if entry.record.signature(metric) == rules]
    for entry in members:
        if entry not in same:
            log.warning("not drawn: %s on %s: scored by other rules", entry.record.label, name)
    place = same.index(baseline)
    outcomes = [entry.outcomes for entry in same]
    values = np.stack([one.values(metric) for one in outcomes])  # means over runs
    there = ~np.isnan(values[place])
    if (np.isnan(values) == there).any():
        raise UserError(f"{metric} on {name}: not of the same questions in all systems")
    values, groups = values[:, there], groups_of(outcomes)
    codes = None if groups is None else groups[there]
    lower, told_by = baseline.record.heading(metric).lower, request.statistics
    sign = -1 if lower else 1  # statistics take more for better
    column = told_by.column(
        values_of(outcomes, metric, there, sign), place, codes, baseline.record.questions
    )
    if column is not None and lower:
        column = column.turned()
    if column is None or column.difference is None:
        raise UserError("kind=forest draws differences: use statistics=closed or resampling")
    assert column.difference_low is not None
    assert column.difference_high is not None
    assert column.p is not None
    return [
        {
            "set": name,
            "system": names[Row.of(entry.record)],
            "baseline": names[Row.of(baseline.record)],
            "metric": metric,
            "unit": entry.record.heading(metric).unit,
            "difference": float(column.difference[row]),
            "low": float(column.difference_low[row]),
            "high": float(column.difference_high[row]),
            "p": float(column.p[row]),
            "test": column.test,
            "family": column.family,
            "wins": int((values[row] > values[place]).sum()),
            "losses": int((values[row] < values[place]).sum()),
            "ties": int((values[row] == values[place]).sum()),
            "n": values.shape[1],
        }
        for row, entry in enumerate(same)
        if row != place
    ]


def _baseline(members: Sequence[Entry], metric: str, request: Request) -> Entry | None:
    if request.baseline is None:
        sign = -1 if members[0].record.heading(metric).lower else 1
        return max(members, key=lambda entry: sign * entry.record.values[metric])
    same = [entry for entry in members if Row.of(entry.record) == request.baseline]
    return same[0] if same else None


def draw(look: Look, points: Sequence[Point]) -> Any:
    """A row a system, a line at 0; those whose interval leaves 0 out are filled."""
    by_set: dict[str, list[Point]] = {}
    for point in points:
        by_set.setdefault(point["set"], []).append(point)
    sheet = Sheet(look, points, lines=max(map(len, by_set.values())), legend=False)
    for name, members in by_set.items():
        axis = sheet.panels[name]
        axis.axvline(0, color=GREY, linewidth=0.8)
        for row, point in enumerate(members):
            style = sheet.styles[point["system"]]
            middle = percent(point, "difference")
            low, high = percent(point, "low"), percent(point, "high")
            clear = not point["low"] <= 0 <= point["high"]
            axis.errorbar(
                [middle],
                [row],
                xerr=[[middle - low], [high - middle]],
                color=style.color,
                marker=style.marker,
                markerfacecolor=style.color if clear else "white",
                linestyle="none",
                capsize=1.5,
            )
        labels_of = [sheet.shown(point["system"], beside=True) for point in members]
        axis.set_yticks(range(len(members)), labels_of)
        axis.set_ylim(len(members) - 0.5, -0.5)
        first = members[0]
        unit = "points" if first["unit"] == "%" else first["unit"]
        other = sheet.shown(first["baseline"], beside=True)
        axis.set_xlabel(f"{first['metric']} − that of {other} ({unit})")
    return sheet.figure
