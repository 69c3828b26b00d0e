"""Where a bi-encoder puts questions and their passages: both clouds on one plane, by t-SNE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from qa_bench.report.plots.sheet import Look, Point, Sheet
from qa_bench.statistics.clouds import alignment, mixing, plane, uniformity
from qa_bench.statistics.interval import intervals

SIDES = ("questions", "passages")


def points(clouds: Mapping[str, tuple[np.ndarray, np.ndarray]], alpha: float) -> list[Point]:
    """Two points a pair for every system, how mixed its clouds are, and how they lie.

    Args:
        clouds: by system, the vectors of the same questions and of their passages; (n, dimension)
            each, as they are compared.
        alpha: 1 − the level of the interval over pairs.

    Raises:
        UserError: there are too few pairs, or scikit-learn is not there.
    """
    rows: list[Point] = []
    for system, (questions, passages) in clouds.items():
        shares = mixing(questions, passages)
        about = intervals(shares[None, :], alpha)
        figure = {
            "mixed": float(about.mean[0]),
            "low": float(about.low[0]),
            "high": float(about.high[0]),
            "n": len(shares),
            "alignment": alignment(questions, passages),
            "uniformity": uniformity(questions, passages),
        }
        places = plane(questions, passages)
        for side, some in zip(SIDES, np.split(places, 2), strict=True):
            rows += [
                {
                    "set": "",
                    "system": system,
                    "side": side,
                    "pair": pair,
                    "x": float(x),
                    "y": float(y),
                    **figure,
                }
                for pair, (x, y) in enumerate(some, 1)
            ]
    return rows


def draw(look: Look, points: Sequence[Point]) -> Any:
    """A panel a system; the title says how mixed the clouds are. Axes of t-SNE have no meaning."""
    panels = [{"set": point["system"], "system": point["side"]} for point in points]
    sheet = Sheet(look, panels)
    for system, axis in sheet.panels.items():
        members = [point for point in points if point["system"] == system]
        for side, style in sheet.styles.items():
            some = [point for point in members if point["side"] == side]
            axis.plot(
                [point["x"] for point in some],
                [point["y"] for point in some],
                color=style.color,
                marker=style.marker,
                markersize=1.5,
                linestyle="none",
            )
        axis.set_xticks([])
        axis.set_yticks([])
        share = 100 * members[0]["mixed"]
        axis.set_title(f"{sheet.shown(system)}: {share:.0f} % mixed", loc="left", fontsize="medium")
    sheet.tell()
    return sheet.figure
