"""What `qa-bench tune` has tried: a metric by the weight of a hybrid's part."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qa_bench.errors import DataError, UserError
from qa_bench.report.plots.sheet import Look, Point, Sheet

_LINEAR = 0.01
"""Weights below stand on a linear part of the axis: 0 is one of them."""


def curve(system: str, metric: str, values: Mapping[float, float]) -> list[Point]:
    """The points of one curve, by weight."""
    best = min(values, key=lambda weight: (-values[weight], weight))
    return [
        {
            "set": "",
            "system": system,
            "metric": metric,
            "weight": float(weight),
            "value": float(values[weight]),
            "best": int(weight == best),
        }
        for weight in sorted(values)
    ]


def points(folder: Path) -> list[Point]:
    """The curves in the files of ``tune``.

    Args:
        folder: ``results/<name>/tune``.

    Raises:
        UserError: there are none.
        DataError: a file is something else.
    """
    paths = sorted(folder.glob("[!.]*.csv"))
    if not paths:
        raise UserError(f"no curves in {folder}: `qa-bench tune` makes them")
    return [point for path in paths for point in _read(path)]


def _read(path: Path) -> list[Point]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            (first, metric), *rows = list(csv.reader(file))
        values = {float(weight): float(value) for weight, value in rows}
        if first != "weight" or not values:
            raise ValueError("weights expected")
    except (ValueError, csv.Error) as error:
        raise DataError(f"not a curve of tune ({error}): tune again", path) from None
    return curve(path.stem, metric, values)


def draw(look: Look, points: Sequence[Point]) -> Any:
    """A line a system, the best weight of each with a larger marker."""
    sheet = Sheet(look, points, legend=len({point["system"] for point in points}) > 1)
    (axis,) = sheet.panels.values()
    for system, style in sheet.styles.items():
        line = [point for point in points if point["system"] == system]
        weights = [point["weight"] for point in line]
        values = [100 * point["value"] for point in line]
        best = [place for place, point in enumerate(line) if point["best"]]
        axis.plot(weights, values, **style._asdict())
        axis.plot(
            [weights[place] for place in best],
            [values[place] for place in best],
            color=style.color,
            marker=style.marker,
            markersize=7,
            linestyle="none",
        )
    axis.set_xscale("symlog", linthresh=_LINEAR)
    axis.set_xlabel("weight")
    metrics = list(dict.fromkeys(point["metric"] for point in points))
    axis.set_ylabel(f"{', '.join(metrics)} (%)")
    if len(sheet.styles) > 1:
        sheet.tell()
    return sheet.figure
