"""Which passages of a corpus hold answers: another one than a question was made of may, too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from qa_bench.metric.ceiling import Seeker
from qa_bench.runtime.processes import in_order
from qa_bench.runtime.progress import progress
from qa_bench.store.passages import open_passages
from qa_bench.types import Runtime

_PASSAGES = 8192
"""Passages searched at once: memory grows with them."""
LISTED = 20
"""Rows of a question that are kept."""


class Holders(NamedTuple):
    """Passages that hold a question's answer.

    Attributes:
        passages: how many.
        rows: of the first ``LISTED``, ascending.
    """

    passages: int
    rows: list[int]


def holders(
    folder: Path, answers: Sequence[str], but: Sequence[int], mode: str, runtime: Runtime
) -> list[Holders]:
    """The other passages of a corpus that hold each question's answer.

    Args:
        folder: of the passages.
        answers: one a question.
        but: the row of each question's own passage, which is left out.
        mode: whose rules, see ``has_answer``.
        runtime: processes and progress.
    """
    counts = [0] * len(answers)
    rows: list[list[int]] = [[] for _ in answers]
    passages = len(open_passages(folder))
    batches = range(0, passages, _PASSAGES)
    workers = min(runtime.workers, len(batches))
    search = _Search(folder, tuple(answers), mode, _PASSAGES)
    with progress(passages, "answers elsewhere", "passages", runtime) as bar:
        for size, places in in_order(search, batches, workers):
            for question, several in places.items():
                others = [row for row in several if row != but[question]]
                counts[question] += len(others)
                rows[question] += others[: LISTED - len(rows[question])]
            bar.update(size)
    return [Holders(*pair) for pair in zip(counts, rows, strict=True)]


@dataclass(frozen=True)
class _Search:
    """What a process does: it looks for all answers in some passages."""

    folder: Path
    answers: tuple[str, ...]
    mode: str
    size: int

    @cached_property
    def _seeker(self) -> Seeker:
        return Seeker([(answer,) for answer in self.answers], "string", self.mode)

    def __call__(self, first: int) -> tuple[int, dict[int, list[int]]]:
        """How many passages from a row on were searched, and the rows that hold each answer."""
        passages = open_passages(self.folder)
        rows = np.arange(first, min(first + self.size, len(passages)))
        texts, titles = list(passages.texts(rows)), list(passages.titles(rows))
        several = self._seeker.holders(texts, titles)
        return len(rows), {
            question: [first + number for number in numbers]
            for question, numbers in several.items()
        }
