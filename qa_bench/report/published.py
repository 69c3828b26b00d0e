"""Published figures: 1,884 of them, with where each stands and how near another run should come.

They lie in three files beside this one: ``published.csv`` (a line a figure, in the order that gives
their rows), ``published_systems.csv`` (what the figures of a system in a source share) and
``published_sources.csv``. ``tests/published_figures.py`` in the repository writes them and holds
the rules for kinds and digits.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("published.csv")
SYSTEMS = Path(__file__).with_name("published_systems.csv")
SOURCES = Path(__file__).with_name("published_sources.csv")

KINDS = (
    "same_engine",
    "released_exact",
    "released_approximate",
    "released_reader",
    "trained",
    "copied",
)
"""What another run can be expected to repeat; ``docs/report.md`` says which is which."""


@dataclass(frozen=True)
class Published:
    """One published figure.

    Attributes:
        system: as its source calls it.
        corpus: name in ``conf/corpus``; another's own name where it is none of ours.
        dataset: name in ``conf/dataset``; NQ's test questions are ``nq`` (DPR's file) or
            ``nq_open``.
        split: the split; ``unstated`` where the source names none.
        metric: as in our tables.
        value: in per cent, with the digits of the source.
        source: where it stands.
        paper: whose figure it is.
        topics: the question file in Anserini's words; empty where the source does not say.
        note: what the source says beside it.
        kind: one of ``KINDS``.
        n: how many questions the set has; None where that is not known.
        row: its place in ``published.csv``, from 0.
    """

    system: str
    corpus: str
    dataset: str
    split: str
    metric: str
    value: str
    source: str
    paper: str = ""
    topics: str = ""
    note: str = ""
    kind: str = "trained"
    n: int | None = None
    row: int = -1

    @property
    def reference(self) -> str:
        """The paper, and where the figure stands."""
        return f"{self.paper}; {self.source}" if self.paper else self.source


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def published() -> tuple[Published, ...]:
    """All figures, in the order of their rows."""
    sources = {line["id"]: line for line in _rows(SOURCES)}
    systems = {line["id"]: line for line in _rows(SYSTEMS)}
    figures = []
    for row, line in enumerate(_rows(FILE)):
        system = systems[line["system"]]
        source = sources[system["source"]]
        figures.append(
            Published(
                system=system["system"],
                corpus=system["corpus"],
                dataset=line["dataset"],
                split=line["split"],
                metric=line["metric"],
                value=line["value"],
                source=source["source"],
                paper=source["paper"],
                topics=system["topics"],
                note=system["note"],
                kind=system["kind"],
                n=int(line["n"]) if line["n"] else None,
                row=row,
            )
        )
    return tuple(figures)


@cache
def _by_system() -> dict[str, list[Published]]:
    figures: dict[str, list[Published]] = {}
    for figure in published():
        figures.setdefault(figure.system, []).append(figure)
    return figures


def of_systems(systems: Sequence[str]) -> list[Published]:
    """The figures of those systems, one system after the other."""
    return [figure for system in systems for figure in _by_system().get(system, [])]


def find(
    systems: Sequence[str], corpus: str, dataset: str, split: str, metric: str
) -> list[Published]:
    """The figures of those systems for one cell."""
    return [
        figure
        for figure in of_systems(systems)
        if (figure.corpus, figure.dataset, figure.split, figure.metric)
        == (corpus, dataset, split, metric)
    ]
