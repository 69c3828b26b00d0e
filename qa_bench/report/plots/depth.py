"""Answers by how many passages a reader reads."""

from __future__ import annotations

from collections.abc import Sequence

from qa_bench.report.plots.entries import (
    Entry,
    Request,
    leave_out,
    metric_of,
    setting,
    without_change,
)
from qa_bench.report.plots.sheet import Point
from qa_bench.report.plots.sweep import draw_over, swept

_SETTING = "reader.depth"


def points(entries: Sequence[Entry], request: Request) -> list[Point]:
    """EM, unless another metric is named, by ``reader.depth``.

    Raises:
        UserError: nothing was read.
    """
    there = [entry for entry in entries if setting(entry, _SETTING) is not None]
    leave_out(entries, there, "no reader with a depth (kind=depth is about readers)")
    return swept(
        there,
        request,
        metric_of(there, request.metric or "em"),
        "depth",
        lambda entry: setting(entry, _SETTING) or 0.0,
        lambda record: without_change(record, f"{_SETTING}="),
    )


draw = draw_over("depth", "passages read")
