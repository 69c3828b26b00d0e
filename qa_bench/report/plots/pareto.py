"""Quality against cost: which systems nobody beats in both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qa_bench.errors import UserError
from qa_bench.report.plots.entries import (
    Entry,
    Request,
    axis_title,
    figure,
    labels,
    leave_out,
    metric_of,
    with_metric,
)
from qa_bench.report.plots.sheet import GREY, Look, Point, Sheet, logarithmic, percent
from qa_bench.report.record import Record
from qa_bench.report.rows import Row
from qa_bench.report.table import COSTS

SECONDS = "question_s"
"""Searching, reranking and reading, in seconds a question."""
_MORE_IS_BETTER = ("questions_per_s",)


def points(entries: Sequence[Entry], request: Request) -> list[Point]:
    """A value and a cost for each system and set; ``front`` where none is better and cheaper.

    Raises:
        UserError: no record knows such a cost.
    """
    metric = metric_of(entries, request.metric)
    cost = request.cost or SECONDS
    known = list(dict.fromkeys(name for entry in entries for name in entry.record.costs))
    if cost not in (*known, SECONDS):
        raise UserError(f"plot.cost: '{cost}' is none of {', '.join([SECONDS, *known])}")
    every = with_metric(entries, metric)
    there = [entry for entry in every if _cost(entry.record, cost) > 0]
    leave_out(every, there, f"no {cost} above 0 is known")
    names = labels(there)
    rows = [
        {
            "set": entry.record.question_set,
            "system": names[Row.of(entry.record)],
            "cost": cost,
            "amount": _cost(entry.record, cost),
            **figure(entry, metric, request.statistics.alpha),
        }
        for entry in there
    ]
    sign = -1 if cost in _MORE_IS_BETTER else 1
    lower = there[0].record.heading(metric).lower
    return [{**row, "front": int(_on_front(row, rows, sign, -1 if lower else 1))} for row in rows]


def _cost(record: Record, name: str) -> float:
    """A cost; 0 where it is not known."""
    costs = record.costs
    if name != SECONDS:
        return float(costs.get(name, 0))
    if "search_s" not in costs:
        return 0.0
    return costs["search_s"] / record.n + costs.get("rerank_s", 0) + costs.get("read_s", 0)


def _on_front(row: Point, rows: Sequence[Point], sign: int, way: int) -> bool:
    """Whether no other of the set costs no more and is no worse, and better in one of both."""
    for other in rows:
        if other["set"] != row["set"]:
            continue
        dearer = sign * (other["amount"] - row["amount"])
        better = way * (other["value"] - row["value"])
        if dearer <= 0 <= better and (dearer < 0 or better > 0):
            return False
    return True


def draw(look: Look, points: Sequence[Point]) -> Any:
    """Points with whiskers; a line through those of the front."""
    sheet = Sheet(look, points)
    cost = points[0]["cost"]
    title = "seconds a question" if cost == SECONDS else COSTS.get(cost, (cost,))[0]
    for name, axis in sheet.panels.items():
        members = [point for point in points if point["set"] == name]
        front = sorted(
            (point["amount"], percent(point, "value")) for point in members if point["front"]
        )
        axis.plot(*zip(*front, strict=True), color=GREY, linewidth=0.8, zorder=1)
        for point in members:
            style, middle = sheet.styles[point["system"]], percent(point, "value")
            axis.errorbar(
                [point["amount"]],
                [middle],
                yerr=[[middle - percent(point, "low")], [percent(point, "high") - middle]],
                color=style.color,
                marker=style.marker,
                linestyle="none",
                capsize=1.5,
            )
        logarithmic(axis)
        axis.set_xlabel(f"{title} (logarithmic)")
        axis.set_ylabel(axis_title(points))
    sheet.tell()
    return sheet.figure
