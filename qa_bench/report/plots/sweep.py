"""Lines over a setting that an experiment sweeps: what depth, chunks and setting have in common."""

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
    place: Callable[[Entry], float | None],
    without: Callable[[Record], Record],
) -> list[Point]:
    """Points of a line a system, by where they stand on the x-axis.

    Args:
        entries: what is drawn; those without the metric are left out.
        request: whose alpha counts.
        metric: the y-axis.
        column: what the x-axis is called in the CSV.
        place: an entry's place on it; None for one that stands beside, at every place.
        without: a record as its line is called.

    Raises:
        UserError: two records stand at one place of one line.
    """
    there = with_metric(entries, metric)
    names = series(there, without)
    points: list[Point] = []
    seen: dict[tuple[str, str, float | None], str] = {}
    for entry in sorted(there, key=lambda one: place(one) or 0.0):
        record = entry.record
        label, x = names[Row.of(record), record.question_set], place(entry)
        spot = (record.question_set, label, x)
        if spot in seen:
            where = "as one line" if x is None else f"at one place, {column} {x:g}"
            raise UserError(
                f"'{seen[spot]}' and '{record.label}' stand {where} of "
                f"{record.question_set}: choose with system=[…] or plot.sets=[…]"
            )
        seen[spot] = record.label
        points.append(
            {
                "set": record.question_set,
                "system": label,
                column: "" if x is None else x if x != int(x) else int(x),
                "row": record.label,
                **figure(entry, metric, request.statistics.alpha),
            }
        )
    sets = list(dict.fromkeys(entry.record.question_set for entry in there))
    return sorted(points, key=lambda point: (sets.index(point["set"]), point["system"]))


def logarithmic(places: Sequence[float]) -> str:
    """The axis of counts."""
    return "log" if places[0] > 0 else "symlog"


def draw_over(
    column: str, title: str, scale: Callable[[Sequence[float]], str] = logarithmic
) -> Callable[[Look, Sequence[Point]], Any]:
    """A way to draw such points: lines with bands; across the panel for what stands beside.

    Args:
        column: the place on the x-axis.
        title: of that.
        scale: the axis' by the places, ascending.
    """

    def draw(look: Look, points: Sequence[Point]) -> Any:
        sheet = Sheet(look, points)
        for (name, system), line in _lines(points).items():
            axis, style = sheet.panels[name], sheet.styles[system]
            band = {"color": style.color, "alpha": 0.15, "linewidth": 0}
            low, value, high = (
                [percent(point, which) for point in line] for which in ("low", "value", "high")
            )
            if line[0][column] == "":
                axis.axhspan(low[0], high[0], **band)
                axis.axhline(value[0], color=style.color, linestyle=style.linestyle)
                continue
            xs = [point[column] for point in line]
            axis.fill_between(xs, low, high, **band)
            axis.plot(xs, value, **style._asdict())
        places = sorted({point[column] for point in points if point[column] != ""})
        for axis in sheet.panels.values():
            axis.set_xscale(scale(places))
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
