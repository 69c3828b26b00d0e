"""What plots are made of: the records of an experiment with their per-question values."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from qa_bench.errors import UserError
from qa_bench.protocols import Statistics
from qa_bench.report.outcomes import Outcomes
from qa_bench.report.record import Record
from qa_bench.report.rows import Row, set_place, shortened
from qa_bench.statistics.crossed import crossed_intervals
from qa_bench.statistics.interval import intervals
from qa_bench.statistics.replicates import Replicates

log = logging.getLogger(__name__)

DEFAULTS = ("answer_recall@20", "em")
"""The metrics that are drawn, the first that is there, where none is named."""


class Entry(NamedTuple):
    """A system on a set.

    Attributes:
        record: its figures.
        outcomes: its per-question values.
        config: the configuration in its certificate.
        command: the command line there.
    """

    record: Record
    outcomes: Outcomes
    config: Mapping[str, Any]
    command: str = ""


class Request(NamedTuple):
    """What shall be drawn.

    Attributes:
        metric: the quality; None for the usual one.
        cost: a column of costs; None for seconds a question.
        baseline: the row that a forest holds the others against; None for the best of each set.
        statistics: how differences are told.
        by: of kind=setting: what the x-axis is.
    """

    metric: str | None
    cost: str | None
    baseline: Row | None
    statistics: Statistics
    by: str | None = None


def metric_of(entries: Sequence[Entry], metric: str | None) -> str:
    """The metric that is drawn.

    Raises:
        UserError: no record has it.
    """
    there = list(dict.fromkeys(name for entry in entries for name in entry.record.values))
    if metric is None:
        return next((name for name in (*DEFAULTS, *there) if name in there), "")
    if metric not in there:
        raise UserError(f"plot.metric: '{metric}' is none of {', '.join(there)}")
    return metric


def with_metric(entries: Sequence[Entry], metric: str) -> list[Entry]:
    """The entries that have a metric, sets in the order of DPR's tables; others are told."""
    there = [entry for entry in entries if metric in entry.record.values]
    leave_out(entries, there, f"no {metric}")
    return sorted(there, key=lambda entry: set_place(entry.record))


def leave_out(entries: Sequence[Entry], there: Sequence[Entry], reason: str) -> None:
    """Say which entries are not drawn.

    Raises:
        UserError: none is left.
    """
    records = [entry.record for entry in there]
    out = [entry.record for entry in entries if entry.record not in records]
    if not there:
        raise UserError(f"nothing to draw: {reason}")
    for record in out:
        log.warning("not drawn: %s on %s: %s", record.label, record.question_set, reason)


def labels(entries: Sequence[Entry]) -> dict[Row, str]:
    """The labels of the table, which say what differs."""
    return shortened([entry.record for entry in entries]).labels


def series(
    entries: Sequence[Entry], without: Callable[[Record], Record]
) -> dict[tuple[Row, str], str]:
    """Labels without what the x-axis shows.

    Args:
        entries: what is drawn.
        without: a record as it would be called without that.

    Returns:
        By row and set.
    """
    bare = [without(entry.record) for entry in entries]
    names = shortened(bare).labels
    return {
        (Row.of(entry.record), entry.record.question_set): names[Row.of(record)]
        for entry, record in zip(entries, bare, strict=True)
    }


def without_change(record: Record, start: str) -> Record:
    """A record as if no setting that begins so had been changed."""
    rest = [change for change in record.changes if not change.startswith(start)]
    if rest == record.changes:
        return record
    base = record.system.removesuffix(f"[{','.join(record.changes)}]")
    return replace(record, changes=rest, system=base + (f"[{','.join(rest)}]" if rest else ""))


def without_passages_change(record: Record, name: str) -> Record:
    """A record as if a setting of its corpus or chunker, such as ``chunker.size``, had its default.

    Args:
        record: the record.
        name: of a setting whose values have neither comma nor bracket.
    """
    short = re.escape(name.partition(".")[2])
    corpus = re.sub(rf"([\[,]){short}=[^,\]]*,?", r"\1", record.corpus)
    corpus = re.sub(r",?\]$|\[\]", lambda match: "" if match[0] == "[]" else "]", corpus)
    return replace(record, corpus=corpus, passages_key="")


def setting(entry: Entry, name: str) -> float | None:
    """A number of the configuration, such as ``reader.depth``; None where it has none."""
    node: Any = entry.config
    for part in name.split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    return float(node) if isinstance(node, int | float) and not isinstance(node, bool) else None


def span(
    entry: Entry, values: np.ndarray, alpha: float, there: np.ndarray | None = None
) -> tuple[list[float], list[float]]:
    """The intervals of the means of rows of values: lower and upper ends.

    Args:
        entry: whose values they are.
        values: (rows, n), or (rows, runs, n) of an entry of several runs.
        alpha: 1 − the level.
        there: whose questions' they are; bool (all questions,); None for all.
    """
    rows, groups = np.asarray(values, dtype=np.float64), entry.outcomes.groups
    if groups is not None and there is not None:
        groups = groups[there]
    if rows.ndim == 2:
        ends = intervals(rows, alpha, groups)
    else:
        ends = crossed_intervals(
            Replicates(list(rows), [entry.outcomes.seeds] * len(rows)), alpha, groups
        )
    return [float(end) for end in ends.low], [float(end) for end in ends.high]


def figure(entry: Entry, metric: str, alpha: float) -> dict[str, Any]:
    """The value of a metric with its interval, as columns of a plot's CSV."""
    outcomes = entry.outcomes
    there = ~np.isnan(outcomes.values(metric))
    values = outcomes.of_runs(metric)[:, there]
    low, high = span(entry, values[None] if outcomes.runs else values, alpha, there)
    return {
        "metric": metric,
        "unit": entry.record.heading(metric).unit,
        "value": entry.record.values[metric],
        "low": low[0],
        "high": high[0],
        "n": int(there.sum()),
    }


def axis_title(points: Sequence[Mapping[str, Any]], entries_unit: str = "%") -> str:
    """The metric as an axis names it."""
    metric, unit = points[0]["metric"], points[0].get("unit", entries_unit)
    return f"{metric} ({unit})"
