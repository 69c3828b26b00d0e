"""A scaling law: losses by the size of a model and its examples, and the curves fitted to them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from qa_bench.errors import UserError
from qa_bench.report.comparison import groups_of
from qa_bench.report.plots.entries import (
    Entry,
    Request,
    axis_title,
    figure,
    leave_out,
    metric_of,
    setting,
    with_metric,
)
from qa_bench.report.plots.sheet import GREY, Look, Point, Sheet, logarithmic
from qa_bench.stages.entropy import METRIC
from qa_bench.statistics.scaling_law import Fit, Law, fit

log = logging.getLogger(__name__)

SIZE, DATA = "non_embedding_parameters", "examples"
"""The costs that are the law's N and D."""
_LETTERS = {SIZE: ("N", "A", "a"), DATA: ("D", "B", "b")}
_CURVE = 100
"""Places that a curve is drawn at."""


def points(entries: Sequence[Entry], request: Request) -> list[Point]:
    """A point a size, number of examples and seed; beside each, the law of its set.

    Raises:
        UserError: nothing was trained, the metric is no loss, or there are too few points.
    """
    metric = metric_of(entries, request.metric or METRIC)
    every = with_metric(entries, metric)
    if not every[0].record.heading(metric).lower:
        raise UserError(f"kind=scaling fits a loss, such as {METRIC}, and {metric} is none")
    there = [entry for entry in every if {SIZE, DATA} <= set(entry.record.costs)]
    leave_out(every, there, "nothing was trained on the way, or by an earlier version")
    rows: list[Point] = []
    for name in dict.fromkeys(entry.record.question_set for entry in there):
        rows += _of_set(name, [e for e in there if e.record.question_set == name], metric, request)
    return rows


def _of_set(name: str, members: Sequence[Entry], metric: str, request: Request) -> list[Point]:
    alpha = request.statistics.alpha
    cells: dict[tuple[float, float], list[Entry]] = {}
    for entry in members:
        cells.setdefault(_cell(entry), []).append(entry)
    for (size, data), several in cells.items():
        seeds = [setting(entry, "train.seed") for entry in several]
        if len(set(seeds)) < len(several):
            raise UserError(
                f"'{several[0].record.label}' and '{several[1].record.label}' stand at one place, "
                f"{size:,.0f} parameters and {data:,.0f} examples of {name}: choose with system=[…]"
            )
    values = [  # of each seed
        np.concatenate([entry.outcomes.of_runs(metric) for entry in several])
        for several in cells.values()
    ]
    groups = groups_of([entry.outcomes for entry in members])
    missing = np.isnan(values[0][0])
    if any((np.isnan(rows) != missing).any() for rows in values):
        raise UserError(f"{metric} on {name}: not of the same questions in all systems")
    codes = None if groups is None else np.unique(groups[~missing], return_inverse=True)[1]
    at = np.array(list(cells))
    places = {SIZE: at[:, 0], DATA: at[:, 1]}
    try:
        whole = fit(places, [rows[:, ~missing] for rows in values], alpha, codes)
    except UserError as error:
        raise UserError(f"kind=scaling on {name}: {error}") from None
    log.info("%s: %s", name, formula(whole, alpha))
    law = _columns(whole)
    return [
        {
            "set": name,
            "system": f"{size:,.0f} parameters",
            SIZE: int(size),
            DATA: int(data),
            "row": entry.record.label,
            **figure(entry, metric, alpha),
            "law": float(whole.law.at({SIZE: np.array(size), DATA: np.array(data)})),
            **law,
        }
        for (size, data), several in sorted(cells.items())
        for entry in several
    ]


def _cell(entry: Entry) -> tuple[float, float]:
    return entry.record.costs[SIZE], entry.record.costs[DATA]


def _columns(whole: Fit) -> dict[str, Any]:
    """The law as columns; empty for a variable that does not vary."""
    law, columns = whole.law, {}
    for name, (_, coefficient, exponent) in _LETTERS.items():
        low, high = whole.spans.get(name, ("", ""))
        columns[coefficient] = law.coefficients.get(name, "")
        columns[exponent] = law.exponents.get(name, "")
        columns |= {f"{exponent}_low": low, f"{exponent}_high": high}
    low, high = whole.spans["constant"]
    return {**columns, "d": law.constant, "d_low": low, "d_high": high, "r2": law.r2}


def formula(whole: Fit, alpha: float) -> str:
    """The law in a line: ``L(N, D) = 12/N^0.2 [0.1, 0.3] + … ``."""
    law = whole.law
    terms = [
        f"{law.coefficients[name]:.4g}/{letter}^{law.exponents[name]:.3f} {_span(whole, name)}"
        for name, (letter, _, _) in _LETTERS.items()
        if name in law.exponents
    ]
    letters = ", ".join(letter for n, (letter, _, _) in _LETTERS.items() if n in law.exponents)
    return (
        f"L({letters}) = {' + '.join(terms)} + {law.constant:.3f} {_span(whole, 'constant')}, "
        f"R² {law.r2:.4f} ([…]: {100 * (1 - alpha):g} % of {whole.draws:,} bootstrap samples)"
    )


def _span(whole: Fit, name: str) -> str:
    low, high = whole.spans[name]
    return f"[{low:.3f}, {high:.3f}]"


def draw(look: Look, points: Sequence[Point]) -> Any:
    """Points with whiskers, and the law as a line a size; over sizes where examples never vary."""
    sheet = Sheet(look, points)
    over = DATA if any(point["B"] != "" for point in points) else SIZE
    for name, axis in sheet.panels.items():
        members = [point for point in points if point["set"] == name]
        law = _law(members[0])
        span = [float(point[over]) for point in members]
        xs = np.geomspace(min(span), max(span), _CURVE)
        sizes = dict.fromkeys((point["system"], point[SIZE]) for point in members)
        curves = sizes if over == DATA else {(None, 0): None}
        for system, size in curves:
            color = GREY if system is None else sheet.styles[system].color
            other = {SIZE: np.full_like(xs, size)} if over == DATA else {}
            axis.plot(xs, law.at({**other, over: xs}), color=color, linewidth=0.8, zorder=1)
        for point in members:
            style, value = sheet.styles[point["system"]], point["value"]
            axis.errorbar(
                [point[over]],
                [value],
                yerr=[[value - point["low"]], [point["high"] - value]],
                color=style.color,
                marker=style.marker,
                linestyle="none",
                capsize=1.5,
            )
        logarithmic(axis)
        axis.set_xlabel("examples" if over == DATA else "parameters without embeddings")
        axis.set_ylabel(axis_title(points))
        exponents = [
            f"{letter} {members[0][letter]:.2f} [{members[0][f'{letter}_low']:.2f}, "
            f"{members[0][f'{letter}_high']:.2f}]"
            for letter in ("a", "b", "d")
            if members[0][letter] != ""
        ]
        text = "\n".join([*exponents, f"R² {members[0]['r2']:.3f}"])
        axis.text(
            0.97, 0.95, text, transform=axis.transAxes, ha="right", va="top", fontsize="small"
        )
    sheet.tell()
    return sheet.figure


def _law(point: Point) -> Law:
    """The law in a point's columns."""
    there = {name: letters for name, letters in _LETTERS.items() if point[letters[1]] != ""}
    return Law(
        {name: point[coefficient] for name, (_, coefficient, _) in there.items()},
        {name: point[exponent] for name, (_, _, exponent) in there.items()},
        point["d"],
        point["r2"],
    )
