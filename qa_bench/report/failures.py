"""What became of the jobs of a command: the lines that tell it, and which rows are not fresh."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from qa_bench.report.record import Record
from qa_bench.report.table import Place, shown

_HEADLINES = ("answer_recall@20", "em", "ndcg@10")
"""The figures that stand for a system, the first that is there."""


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes:
        number: of the job, from 0.
        system: label of its row.
        corpus: and of its corpus; empty where it has none, or where that is not known.
        question_set: what a table calls its set.
        results: the folder of results.
        experiment: the experiment's name.
        problem: why it failed; empty where it did not.
        status: its exit status.
        figure: its headline, as "Top-20 97.22"; empty where it has none.
        row: key of the row it made.
        with_corpus: whether the command has several corpora or chunkers.
        tables: the configuration of its tables: ``statistics``, ``merge`` and ``table``.
    """

    number: int
    system: str
    corpus: str
    question_set: str
    results: str
    experiment: str
    problem: str = ""
    status: int = 0
    figure: str = ""
    row: str = ""
    with_corpus: bool = False
    tables: Mapping[str, Any] = field(default_factory=dict)

    @property
    def what(self) -> str:
        """The job in a few words."""
        corpus = f" ({self.corpus})" if self.with_corpus and self.corpus else ""
        return f"{self.system}{corpus} {self.question_set}"

    def line(self, jobs: int) -> str:
        """One line, as it ends: ``7/20 minilm webq  Top-20 97.22``."""
        first, *more = self.problem.splitlines() or [""]  # the end of the command tells them all
        result = f"failed: {first}{' …' if more else ''}" if first else self.figure
        return f"{self.number + 1}/{jobs} {self.what}  {result}".rstrip()


def headline(record: Record) -> str:
    """The figure that stands for a record, as a table shows it."""
    names = [name for name in (*_HEADLINES, *record.values) if name in record.values]
    if not names:
        return ""
    heading = record.heading(names[0])
    return f"{heading.title} {shown(heading, record.values[names[0]])}"


def failures(outcomes: Iterable[Outcome], jobs: int) -> list[str]:
    """``2 of 20 jobs failed:`` and a line each; empty where none did."""
    failed = [outcome for outcome in outcomes if outcome.problem]
    if not failed:
        return []
    lines = [f"  {one.number + 1}/{jobs} {one.what}: {one.problem}" for one in failed]
    return [f"{len(failed)} of {jobs} jobs failed:", *lines]


def stale(outcomes: Sequence[Outcome]) -> frozenset[Place]:
    """What the jobs should have made and did not."""
    made = {_place(outcome) for outcome in outcomes if not outcome.problem}
    return frozenset(_place(outcome) for outcome in outcomes if outcome.problem) - made


def _place(outcome: Outcome) -> Place:
    return outcome.system, outcome.corpus, outcome.question_set


def twins(outcomes: Iterable[Outcome]) -> list[str]:
    """A line for each row and set that several jobs have made: the last has replaced the others."""
    made = Counter(
        (one.results, one.experiment, one.row, one.what) for one in outcomes if one.row
    )  # fmt: skip
    return [
        f"{count} jobs made the same row, {what}: only the last one's figures are kept "
        "(a system=LABEL that differs keeps all)"
        for (*_, what), count in made.items()
        if count > 1
    ]
