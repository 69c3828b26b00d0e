"""Whether two question sets put systems in the same order: Kendall's τ of their figures."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from qa_bench.report.record import Record
from qa_bench.report.table import shown
from qa_bench.statistics.draws import drawn_sums
from qa_bench.types import Heading

SYSTEMS = 3
"""Fewer have hardly an order."""
_SAMPLES = 2000
_LEVEL = 95
_EQUAL = 1e-9
"""Means that differ by less are equal but for rounding."""

Measured = tuple[Record, Mapping[str, Sequence[float]]]
"""A record, and its values by metric, one a question."""


class Agreement(NamedTuple):
    """What two sets say of the same systems by one metric.

    Attributes:
        sets: the two, by the names of the table's columns.
        metric: whose means are compared.
        heading: what a table calls it, and its unit.
        systems: as their labels call them, without the corpus where all have the same.
        means: of them on each set, float64 (2, systems).
        tau: Kendall's τ-b; NaN where all are equal on a set.
        low: end of its interval over drawn questions, NaN where no draw has a τ.
        high: the other end.
    """

    sets: tuple[str, str]
    metric: str
    heading: Heading
    systems: tuple[str, ...]
    means: np.ndarray
    tau: float
    low: float
    high: float


def agreements(measured: Sequence[Measured]) -> list[Agreement]:
    """Every two sets with three systems or more on both, by every metric that all of those have.

    The interval is of the bootstrap's percentiles: the questions of both sets are drawn anew, each
    for itself, the same for all systems, and τ is taken of the new means. Where systems lie close
    together, draws put them in other orders, mostly less alike: τ may stand near its upper end.

    Args:
        measured: the records of an experiment. On one set, those count that have the questions of
            its first one.
    """
    sets: dict[str, dict[str, Measured]] = {}
    for record, columns in measured:
        of_set = sets.setdefault(record.question_set, {})
        first = next(iter(of_set.values()), (record, columns))[0]
        if (record.questions, record.n) == (first.questions, first.n):
            of_set[record.label] = (record, columns)
    every = []
    for one, other in combinations(sets, 2):
        labels = [label for label in sets[one] if label in sets[other]]
        if len(labels) < SYSTEMS:
            continue
        pairs = [[sets[name][label] for label in labels] for name in (one, other)]
        shared = [set(columns) for pair in pairs for _, columns in pair]
        metrics = [name for name in pairs[0][0][1] if all(name in own for own in shared)]
        every += [_agreement((one, other), metric, labels, pairs) for metric in metrics]
    return every


def kendall(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """τ-b of figures along the last axis; NaN where all of either are equal.

    τ-b = Σ_{i<j} s_ij t_ij / √(Σ s_ij² · Σ t_ij²), with s and t the signs of the differences.

    Source: Kendall 1945, The treatment of ties in ranking problems, Biometrika 33:239-251.

    Args:
        one: float64 of shape (…, systems).
        other: of the same shape.
    """
    rows, columns = np.triu_indices(one.shape[-1], 1)
    signs = []
    for figures in (one, other):
        apart = figures[..., rows] - figures[..., columns]
        signs.append(np.where(np.abs(apart) < _EQUAL, 0.0, np.sign(apart)))
    both = (signs[0] * signs[1]).sum(-1)
    scale = np.sqrt((signs[0] ** 2).sum(-1) * (signs[1] ** 2).sum(-1))
    tau: np.ndarray = np.divide(both, scale, out=np.full_like(scale, np.nan), where=scale > 0)
    return tau


def orders_csv(several: Sequence[Agreement]) -> str:
    """A line a pair of sets and metric."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["set", "other", "metric", "systems", "tau", "low", "high"])
    for one in several:
        figures = [f"{value:.6f}" for value in (one.tau, one.low, one.high)]
        writer.writerow([*one.sets, one.metric, len(one.systems), *figures])
    return file.getvalue()


def orders_markdown(name: str, several: Sequence[Agreement]) -> str:
    """A table of τ, and below it what each set's order is."""
    return "\n".join(_lines(name, several)) + "\n"


def _lines(name: str, several: Sequence[Agreement]) -> Iterator[str]:
    yield f"# {name}, the order of systems"
    yield ""
    yield f"| Sets | Metric | Systems | Kendall's τ | {_LEVEL} % |"
    yield "| --- | --- | ---: | ---: | --- |"
    for one in several:
        interval = f"{one.low:.2f} to {one.high:.2f}"
        head = f"| {one.sets[0]}, {one.sets[1]} | {one.heading.title} | {len(one.systems)} "
        yield f"{head}| {one.tau:.2f} | {interval} |"
    yield ""
    yield (
        f"Intervals are the percentiles of {_SAMPLES:,} draws of the questions of both sets; "
        "questions count one by one, also where several are of one article."
    )
    yield ""
    for title, name_of, order in dict.fromkeys(_orders(several)):
        yield f"- {title}, {name_of}: {order}"


def _orders(several: Sequence[Agreement]) -> Iterator[tuple[str, str, str]]:
    """(metric, set, its systems from the largest figure to the smallest)."""
    for one in several:
        for name, means in zip(one.sets, one.means, strict=True):
            order = sorted(range(len(means)), key=lambda n: (-means[n], one.systems[n]))
            text = ""
            for before, place in zip([None, *order], order, strict=False):
                if before is not None:
                    text += " = " if means[before] - means[place] < _EQUAL else " > "
                text += f"{one.systems[place]} {shown(one.heading, means[place])}"
            yield one.heading.title, name, text


def _agreement(
    sets: tuple[str, str], metric: str, labels: Sequence[str], pairs: Sequence[Sequence[Measured]]
) -> Agreement:
    means, draws = [], []
    for pair in pairs:
        values = np.array([columns[metric] for _, columns in pair], dtype=np.float64)
        means.append(values.mean(1))
        draws.append(drawn_sums(values, _SAMPLES, pair[0][0].questions).T / values.shape[1])
    taus = kendall(*draws)
    taus = taus[np.isfinite(taus)]
    tail = (100 - _LEVEL) / 2
    low, high = np.percentile(taus, [tail, 100 - tail]) if len(taus) else (np.nan, np.nan)
    return Agreement(
        sets,
        metric,
        pairs[0][0][0].heading(metric),
        tuple(_names(labels, [record for record, _ in pairs[0]])),
        np.array(means),
        float(kendall(*means)),
        float(low),
        float(high),
    )


def _names(labels: Sequence[str], records: Sequence[Record]) -> Sequence[str]:
    names = [record.system for record in records]
    return names if len(set(names)) == len(names) else labels
