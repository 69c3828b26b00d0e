"""Ours against the published figures, in questions: OK, CLOSE or OFF."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from qa_bench.report.comparable import candidates, comparable
from qa_bench.report.counts import distance, phrase
from qa_bench.report.published import Published
from qa_bench.report.record import Record
from qa_bench.report.table import shown, unique


@dataclass(frozen=True)
class Bound:
    """How far ours may be from a published figure, whichever is the larger.

    Attributes:
        questions: in questions.
        points: in per cent of the questions.
    """

    questions: int
    points: float

    def holds(self, questions: int, n: int) -> bool:
        """Whether a distance of so many of n questions is within it."""
        far = abs(questions)
        return far <= self.questions or 100 * far <= self.points * n + 1e-9


_NEVER = Bound(-1, -1.0)

TOLERANCES: dict[str, tuple[Bound, Bound]] = {
    "same_engine": (Bound(0, 0.0), Bound(2, 0.05)),
    "released_exact": (Bound(2, 0.05), Bound(0, 0.20)),
    "released_approximate": (Bound(0, 0.20), Bound(0, 0.50)),
    "released_reader": (Bound(0, 0.30), Bound(0, 1.0)),
    "trained": (Bound(0, 0.50), Bound(0, 1.5)),
    "copied": (_NEVER, Bound(0, 1.0)),
}
"""Kind: what is OK, and what is CLOSE. Both sides alike: more than published is no better. The
questions are the same, so the sampling interval plays no part."""

HINTS = {
    True: "more than published: other questions or answers? titles searched? answers in the "
    "passages, or passages twice? a test set in training?",
    False: "less than published: passages missing? no titles? another stemmer, or settings of the "
    "model? patterns matched as strings?",
}
"""What to look at where ours is (True: more, False: less) than the published figure."""

OWN_RUN = (
    "where the source publishes its run, `qa-bench import run=FILE dataset=… name=…` puts it "
    "beside yours, question by question"
)


@dataclass(frozen=True)
class Check:
    """A cell of ours against one published figure.

    Attributes:
        record: ours.
        metric: of the cell.
        figure: the published one.
        reason: why the two are not compared; None where they are.
        questions: how many more (negative: fewer) questions are right in ours than in the nearest
            count that makes the published figure; 0 where they are not compared.
        status: OK, CLOSE or OFF; empty where they are not compared.
    """

    record: Record
    metric: str
    figure: Published
    reason: str | None = None
    questions: int = 0
    status: str = ""

    @property
    def cell(self) -> str:
        """The set and the metric as tables call them: ``nq Top-20``."""
        return f"{self.record.question_set} {self.record.heading(self.metric).title}"

    @property
    def ours(self) -> str:
        """Our figure as tables show it."""
        return shown(self.record.heading(self.metric), self.record.values[self.metric])

    def line(self) -> str:
        """One line: the status, the cell, both figures and the distance."""
        far = phrase(self.questions, self.record.n)
        return (
            f"{self.status:<5} {self.cell}  {self.record.label}  {self.ours}  "
            f"published {self.figure.value} ({self.figure.system})  {far}"
        )

    def json(self) -> dict[str, Any]:
        """The same as data; per cents of the published, fractions of ours."""
        record, figure = self.record, self.figure
        return {
            "system": record.label,
            "dataset": record.dataset,
            "split": record.split,
            "metric": self.metric,
            "n": record.n,
            "value": record.values[self.metric],
            "published": figure.value,
            "published_system": figure.system,
            "source": figure.reference,
            "row": figure.row,
            "kind": figure.kind,
            "status": self.status or None,
            "questions": self.questions if self.status else None,
            "reason": self.reason,
        }


def status(kind: str, questions: int, n: int) -> str:
    """OK, CLOSE or OFF for a distance of so many of n questions."""
    fine, close = TOLERANCES[kind]
    if fine.holds(questions, n):
        return "OK"
    return "CLOSE" if close.holds(questions, n) else "OFF"


def check(record: Record, metric: str) -> list[Check]:
    """A cell against every published figure of its system."""
    checks = []
    for figure in candidates(record, metric):
        reason = comparable(record, figure)
        right = round(record.values[metric] * record.n)
        far = None if reason else distance(right, figure.value, record.n)
        if far is None:
            checks.append(Check(record, metric, figure, reason))
        else:
            verdict = status(figure.kind, far, record.n)
            checks.append(Check(record, metric, figure, None, far, verdict))
    return checks


def checks(records: Iterable[Record]) -> list[Check]:
    """Every cell of an experiment against every published figure of its system."""
    return [one for record in records for metric in record.values for one in check(record, metric)]


def text(every: Sequence[Check]) -> str:
    """A line a cell, then what was not compared and why, hints, and the sums."""
    held = [one for one in every if one.reason is None]
    lines = [one.line() for one in held]
    off = [one for one in held if one.status == "OFF"]
    lines += [f"hint  {HINTS[more]}" for more in (True, False)
              if any((one.questions > 0) is more for one in off)]  # fmt: skip
    lines += [f"hint  {OWN_RUN}"] if off else []
    lines += [f"--    not compared: {line}" for line in not_compared(every)]
    return "\n".join([*lines, summary(every)])


def not_compared(every: Sequence[Check]) -> list[str]:
    """A line for each published system and reason, with the rows and the figures it is about."""
    cells: dict[tuple[str, str, str], list[str]] = {}
    for one in every:
        if one.reason is not None:
            place = (one.figure.system, one.reason, one.record.label)
            cells.setdefault(place, []).append(f"{one.cell} {one.figure.value}")
    labels: dict[tuple[str, str, str], list[str]] = {}
    for (system, reason, label), figures in cells.items():
        labels.setdefault((system, reason, ", ".join(unique(figures))), []).append(label)
    return [
        f"{system} beside {', '.join(rows)}: {reason}: {figures}"
        for (system, reason, figures), rows in labels.items()
    ]


def summary(every: Sequence[Check]) -> str:
    """How many are what: ``3 OK, 1 CLOSE, 0 OFF; 2 not compared``."""
    numbers = Counter(one.status for one in every)
    text = ", ".join(f"{numbers[name]} {name}" for name in ("OK", "CLOSE", "OFF"))
    return f"{text}; {numbers['']} not compared" if numbers[""] else text
