"""Lines over a setting that an experiment sweeps: what depth and chunks have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qa_bench.errors import UserError
from qa_bench.report.plots.entries import Entry, Request, axis_title, figure, series, with_metric
from qa_bench.report.plots.sheet import Look, Point, Sheet, percent, plain_ticks
from qa_bench.report.record import Record
from qa_bench.report.rows import Row

_TICKS = 6


def swept(
    entries: Sequence[Entry],
    request: Request,
    metric: str,
    column: str,
    place: Callable[[Entry], float],
    without: Callable[[Record], Record],
) -> list[Point]:
    """Points of a line a system, by where they stand on the x-axis.

    Args:
        entries: what is drawn; those without the metric are left out.
        request: whose alpha counts.
        metric: the y-axis.
        column: what the x-axis is called in the CSV.
        place: an entry's place on it.
        without: a record as its line is called.

    Raises:
        UserError: two records stand at one place of one line.
    """
    there = with_metric(entries, metric)
    names = series(there, without)
    points: list[Point] = []
    seen: dict[tuple[str, str, float], str] = {}
    for entry in sorted(there, key=place):
        record = entry.record
        label, x = names[Row.of(record), record.question_set], place(entry)
        spot = (record.question_set, label, x)
        if spot in seen:
            raise UserError(
                f"'{seen[spot]}' and '{record.label}' stand at one place, {column} {x:g} of "
                f"{record.question_set}: choose with system=[…] or plot.sets=[…]"
            )
        seen[spot] = record.label
        points.append(
            {
                "set": record.question_set,
                "system": label,
                column: x if x != int(x) else int(x),
                "row": record.label,
                **figure(entry, metric, request.statistics.alpha),
            }
        )
    sets = list(dict.fromkeys(entry.record.question_set for entry in there))
    return sorted(points, key=lambda point: (sets.index(point["set"]), point["system"]))


def draw_over(column: str, title: str) -> Callable[[Look, Sequence[Point]], Any]:
    """A way to draw such points: lines with bands over a logarithmic axis."""

    def draw(look: Look, points: Sequence[Point]) -> Any:
        sheet = Sheet(look, points)
        for (name, system), line in _lines(points).items():
            axis, style = sheet.panels[name], sheet.styles[system]
            xs = [point[column] for point in line]
            axis.fill_between(
                xs,
                [percent(point, "low") for point in line],
                [percent(point, "high") for point in line],
                color=style.color,
                alpha=0.15,
                linewidth=0,
            )
            axis.plot(xs, [percent(point, "value") for point in line], **style._asdict())
        places = sorted({point[column] for point in points})
        for axis in sheet.panels.values():
            axis.set_xscale("log" if places[0] > 0 else "symlog")
            plain_ticks(axis, _some(places))
            axis.set_xlabel(f"{title} (bands: pointwise intervals)")
            axis.set_ylabel(axis_title(points))
        sheet.tell()
        return sheet.figure

    return draw


def _some(places: Sequence[float]) -> Sequence[float]:
    """At most ``_TICKS`` of the places, the first and the last among them."""
    if len(places) <= _TICKS:
        return places
    steps = (len(places) - 1) / (_TICKS - 1)
    return [places[round(number * steps)] for number in range(_TICKS)]


def _lines(points: Sequence[Point]) -> dict[tuple[str, str], list[Point]]:
    lines: dict[tuple[str, str], list[Point]] = {}
    for point in points:
        lines.setdefault((point["set"], point["system"]), []).append(point)
    return lines
