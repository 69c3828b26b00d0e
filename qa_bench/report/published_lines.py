"""The parts of a Markdown report about published figures."""

from __future__ import annotations

from collections.abc import Sequence

from qa_bench.report.record import Record
from qa_bench.report.table import unique
from qa_bench.report.verify import Check, checks, not_compared


def sources(records: Sequence[Record]) -> list[str]:
    """A line for each published system: where it stands, and our distance from all its figures."""
    groups: dict[tuple[str, str, str], list[Check]] = {}
    for one in checks(records):
        if one.reason is None:
            place = (one.figure.system, one.record.label, one.figure.reference)
            groups.setdefault(place, []).append(one)
    return [
        f"- {_safe(system)} ({_safe(where)}) beside {_safe(label)}: "
        + ", ".join(f"{one.cell} {one.figure.value}, {one.questions:+,}" for one in every)
        for (system, label, where), every in groups.items()
    ]


def not_comparable(records: Sequence[Record]) -> list[str]:
    """A line for each published system that is not compared, with the first reason."""
    return unique(f"- {_safe(line)}" for line in not_compared(checks(records)))


def _safe(text: str) -> str:
    return " ".join(text.split())
