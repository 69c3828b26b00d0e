"""Recall by k: how far down a system's first passages with an answer stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from qa_bench.errors import DataError
from qa_bench.report.outcomes import Outcomes
from qa_bench.report.plots.entries import Entry, Request, labels, leave_out, span
from qa_bench.report.plots.sheet import Look, Point, Sheet, plain_ticks
from qa_bench.report.rows import Row, set_place

_FAMILY = "answer_recall@"
_TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


def points(entries: Sequence[Entry], request: Request) -> list[Point]:
    """Recall at every k up to the largest of the table, with pointwise intervals.

    Raises:
        UserError: nothing was retrieved, or judged by answers.
        DataError: first ranks that are not those of the record's figures.
    """
    there = [
        entry
        for entry in entries
        if "first_rank" in entry.outcomes.table.column_names and _depth(entry)
    ]
    leave_out(entries, there, "no ranks of passages with answers (kind=curve is about runs)")
    names = labels(there)
    return [
        point
        for entry in sorted(there, key=lambda one: set_place(one.record))
        for point in _curve(entry, names[Row.of(entry.record)], request.statistics.alpha)
    ]


def _depth(entry: Entry) -> int:
    """The largest k of the record's figures; 0 for none."""
    names = [name for name in entry.record.values if name.startswith(_FAMILY)]
    return max((int(name.removeprefix(_FAMILY)) for name in names), default=0)


def _curve(entry: Entry, label: str, alpha: float) -> list[Point]:
    record = entry.record
    ks = np.arange(1, _depth(entry) + 1)
    hits = np.stack([_hits(run, ks) for run in entry.outcomes.each], axis=1)  # (k, runs, n)
    means = hits.mean(axis=(1, 2))
    if not entry.outcomes.runs:
        hits = hits[:, 0]
    low, high = span(entry, hits, alpha)
    return [
        {
            "set": record.question_set,
            "system": label,
            "k": int(k),
            "recall": float(means[k - 1]),
            "low": low[k - 1],
            "high": high[k - 1],
            "n": record.n,
        }
        for k in ks
    ]


def _hits(run: Outcomes, ks: np.ndarray) -> np.ndarray:
    """Whether the first k passages of each question hold an answer; bool (k, n).

    Raises:
        DataError: these are not the record's figures.
    """
    ranks = np.asarray(run.column("first_rank"), dtype=np.int64)
    hits: np.ndarray = (ranks > 0) & (ranks <= ks[:, None])
    for k, mean in zip(ks, hits.mean(axis=1), strict=True):
        known = run.record.values.get(f"{_FAMILY}{k}")
        if known is not None and abs(known - mean) > 1e-9:
            path = run.path.with_suffix(".csv")
            raise DataError(f"first ranks do not give {_FAMILY}{k}: run it again", path)
    return hits


def draw(look: Look, points: Sequence[Point]) -> Any:
    """Lines with bands; k on a logarithmic axis."""
    sheet = Sheet(look, points)
    deepest = max(point["k"] for point in points)
    for (name, system), line in _lines(points).items():
        axis, style = sheet.panels[name], sheet.styles[system]
        ks = [point["k"] for point in line]
        axis.fill_between(
            ks,
            [100 * point["low"] for point in line],
            [100 * point["high"] for point in line],
            color=style.color,
            alpha=0.15,
            linewidth=0,
        )
        axis.plot(
            ks,
            [100 * point["recall"] for point in line],
            **style._asdict(),
            markevery=[place for place, k in enumerate(ks) if k in _TICKS],
        )
    for axis in sheet.panels.values():
        axis.set_xscale("log")
        plain_ticks(axis, [k for k in _TICKS if k <= deepest])
        axis.set_xlabel("k (bands: pointwise intervals)")
        axis.set_ylabel("questions with an answer (%)")
    sheet.tell()
    return sheet.figure


def _lines(points: Sequence[Point]) -> dict[tuple[str, str], list[Point]]:
    lines: dict[tuple[str, str], list[Point]] = {}
    for point in points:
        lines.setdefault((point["set"], point["system"]), []).append(point)
    return lines
