"""Published figures, to stand beside ours where set and corpus are the same."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("published.csv")


@dataclass(frozen=True)
class Published:
    """One published figure.

    Attributes:
        system: as its source calls it.
        corpus: name in ``conf/corpus``.
        dataset: name in ``conf/dataset``.
        split: the split.
        metric: as in our tables.
        value: in per cent, with the digits of the source.
        source: where it stands.
    """

    system: str
    corpus: str
    dataset: str
    split: str
    metric: str
    value: str
    source: str


@cache
def published() -> tuple[Published, ...]:
    """All figures of ``published.csv``."""
    with FILE.open(encoding="utf-8", newline="") as file:
        return tuple(Published(**row) for row in csv.DictReader(file))


def find(systems: list[str], corpus: str, dataset: str, split: str, metric: str) -> list[Published]:
    """The figures of those systems for one cell."""
    return [
        figure
        for figure in published()
        if figure.system in systems
        and (figure.corpus, figure.dataset, figure.split, figure.metric)
        == (corpus, dataset, split, metric)
    ]
