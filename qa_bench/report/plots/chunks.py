"""Recall by the size of passages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from qa_bench.report.plots.entries import (
    Entry,
    Request,
    leave_out,
    metric_of,
    setting,
    without_passages_change,
)
from qa_bench.report.plots.sheet import Look, Point
from qa_bench.report.plots.sweep import draw_over, swept
from qa_bench.report.record import Record

_SETTING = "chunker.size"


def points(entries: Sequence[Entry], request: Request) -> list[Point]:
    """By ``chunker.size`` where all have one, else by the number of passages.

    Raises:
        UserError: nothing was cut.
    """
    metric = metric_of(entries, request.metric)
    sizeless = partial(without_passages_change, name=_SETTING)
    if all(setting(entry, _SETTING) is not None for entry in entries):
        return swept(
            entries, request, metric, "size", lambda one: setting(one, _SETTING) or 0.0, sizeless
        )
    there = [entry for entry in entries if entry.record.costs.get("passages")]
    leave_out(entries, there, "no number of passages is known")
    return swept(
        there, request, metric, "passages", lambda one: one.record.costs["passages"], _uncut
    )


def _uncut(record: Record) -> Record:
    """A record as if nobody knew how its articles were cut."""
    return replace(record, corpus=record.corpus.partition("/")[0], passages_key="")


def draw(look: Look, points: Sequence[Point]) -> Any:
    """Lines with bands."""
    if "size" in points[0]:
        return draw_over("size", "words a passage")(look, points)
    return draw_over("passages", "passages of the corpus")(look, points)
