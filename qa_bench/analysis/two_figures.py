"""Two figures, and only what differs between them."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qa_bench.analysis.apart import Apart, headline, moved
from qa_bench.analysis.certificates import (
    PRIMAD,
    Certificate,
    Change,
    certificate,
    changes,
    primad,
    shown,
)
from qa_bench.analysis.contrast import Contrast, of_metrics
from qa_bench.analysis.pairing import TEXTS, Entry, Pair, paired_up
from qa_bench.analysis.rankings import Agreement, agreement
from qa_bench.analysis.two_systems_text import (
    WIDTH,
    agreement_words,
    cut,
    figure,
    places,
    plain,
    probability,
    span,
)
from qa_bench.report.record import Record


@dataclass(frozen=True, eq=False)
class TwoFigures:
    """Two records, and what differs between them.

    Attributes:
        a: the first one's certificate.
        b: the second one's.
        files: both records' files.
        changes: how they came about otherwise.
        remarks: why figures or certificates are not compared.
        contrasts: the metrics with other values at some question.
        columns: at how many questions each column of the per-question files differs.
        rankings: how far the rankings agree; None where they are the same, or not there.
        questions: those that moved most.
        alpha: 1 − the level of the intervals.
    """

    a: Certificate
    b: Certificate
    files: tuple[Path, Path]
    changes: list[Change]
    remarks: list[str]
    contrasts: list[Contrast] = field(default_factory=list)
    columns: dict[str, int] = field(default_factory=dict)
    rankings: Agreement | None = None
    questions: list[Apart] = field(default_factory=list)
    alpha: float = 0.05

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not (self.changes or self.remarks or self.contrasts or self.columns)

    @property
    def labels(self) -> tuple[str, str]:
        """Both systems and sets."""
        first, second = (
            f"{one.label} on {one.question_set}" for one in (self.a.record, self.b.record)
        )
        return first, second


def two_figures(
    a: Entry, b: Entry, metrics: Sequence[str] | None = None, alpha: float = 0.05
) -> TwoFigures:
    """What differs between two records.

    Args:
        a: the first record and its file.
        b: the second one.
        metrics: those that are looked at; None for all.
        alpha: 1 − the level of the intervals.

    Raises:
        UserError: a metric is not to be had of both.
        DataError: a per-question file was edited, or a certificate is none.
    """
    first, second = certificate(*a), certificate(*b)
    summary = changes(first, second)
    files = (a[1], b[1])
    remarks = [
        f"nothing is known of the settings and versions of {what}"
        for what, one in (("a", first), ("b", second))
        if not one.known
    ]
    paths = {id(record): path for record, path in (a, b)}
    pair = paired_up("", a[0], b[0], paths, ("a", "b"), TEXTS)
    if isinstance(pair, str):
        reason = f"figures are not compared: {pair}"
        return TwoFigures(first, second, files, summary, [*remarks, reason], alpha=alpha)
    for record, twin, what in ((a[0], b[0], "a"), (b[0], a[0], "b")):
        lacking = [m for m in record.values if m not in twin.values]
        if lacking and metrics is None:
            remarks.append(f"{', '.join(lacking)} of {what} alone")
    contrasts = of_metrics(pair, metrics or pair.metrics, alpha)
    columns = dict(_columns(pair))
    return TwoFigures(
        first,
        second,
        files,
        summary,
        remarks,
        [c for c in contrasts if c.a_only or c.b_only],
        columns,
        agreement(pair.a, pair.b) if columns.get("passages") else None,
        moved(pair, metrics[0] if metrics else headline(pair)),
        alpha,
    )


def _columns(pair: Pair) -> Iterator[tuple[str, int]]:
    for name in ("first_rank", "passages", "prediction"):
        both = zip(pair.a.column(name), pair.b.column(name), strict=True)
        if count := sum(first != second for first, second in both):
            yield name, count


def text(summary: TwoFigures, listed: int) -> str:
    """Only what differs, one below the other."""
    return "\n".join(_lines(summary, listed))


def _lines(summary: TwoFigures, listed: int) -> Iterator[str]:
    for what, label, path in zip("ab", summary.labels, summary.files, strict=True):
        yield f"{what}: {label}"
        yield f"   {path}"
    if summary.same:
        yield "the same: settings, inputs, versions, and every question's values"
        return
    letters = primad(summary.changes)
    named = ", ".join(PRIMAD[letter.lower()] for letter in letters if letter.isupper())
    yield f"{letters}: {named or 'nothing that is known'} changed"
    yield from summary.remarks
    for kind in ("settings", "inputs", "versions"):
        own = [change for change in summary.changes if change.kind == kind]
        if own:
            yield from ("", kind)
        yield from _changes(own)
    if summary.contrasts:
        yield from ("", f"figures, a − b with the {100 * (1 - summary.alpha):g} % interval")
    for contrast in summary.contrasts:
        yield from _figure(summary.a.record, contrast)
    if summary.columns:
        yield from ("", "values a question")
        for name, count in summary.columns.items():
            yield f"  {name} differs at {count:,} of {summary.a.record.n:,}"
    if summary.rankings:
        for line in textwrap.wrap(agreement_words(summary.rankings), WIDTH - 2):
            yield f"  {line}"
    if summary.questions and listed:
        yield from ("", "questions that moved most")
        for entry in summary.questions[:listed]:
            yield "  " + cut(f"{places(entry)} | {entry.qid}: {entry.question}", WIDTH - 2)
        if len(summary.questions) > listed:
            yield f"  and {len(summary.questions) - listed:,} more: compare.questions=all"


def _changes(own: Sequence[Change]) -> Iterator[str]:
    """One below the other; what only one part has where both are of other classes, in short."""
    parts = [c.name.removesuffix("._target_") for c in own if c.name.endswith("._target_")]
    shortly: dict[tuple[str, str], list[str]] = {}
    for change in own:
        side = "b" if change.a is None else "a" if change.b is None else ""
        part = next((p for p in parts if change.name.startswith(f"{p}.")), "")
        if side and part:
            value = shown(change.a if side == "a" else change.b)
            setting = change.name.removeprefix(f"{part}.")
            shortly.setdefault((part, side), []).append(f"{setting}={value}")
            continue
        yield f"  {change.name}"
        yield f"    a  {shown(change.a)}"
        yield f"    b  {shown(change.b)}"
    for (part, side), values in shortly.items():
        yield f"  {part}, settings of {side} alone"
        yield from textwrap.wrap(
            ", ".join(values), WIDTH, initial_indent="    ", subsequent_indent="    "
        )


def _figure(record: Record, contrast: Contrast) -> Iterator[str]:
    heading = record.heading(contrast.metric)
    share = heading.unit == "%"
    a, b = (figure(value, share) for value in (contrast.a, contrast.b))
    title = f"Top-{contrast.k}" if not contrast.recorded else heading.title
    yield (
        f"  {title}: a {a}, b {b}: {figure(contrast.difference, share, True)} "
        f"({span(contrast, share)}), p {probability(contrast.p)}"
    )
    yield (
        f"    a higher at {contrast.a_only:,}, b at {contrast.b_only:,} of {contrast.n:,}; "
        f"seen from {figure(contrast.detectable, share)} on"
    )


def json_line(summary: TwoFigures, listed: int) -> str:
    """All of it as one line of JSON."""
    first, second = summary.labels
    content = {
        "same": summary.same,
        "a": first,
        "b": second,
        "files": [str(path) for path in summary.files],
        "primad": primad(summary.changes),
        "remarks": summary.remarks,
        **{
            kind: [
                {"name": c.name, "a": c.a, "b": c.b, "letter": c.letter}
                for c in summary.changes
                if c.kind == kind
            ]
            for kind in ("settings", "inputs", "versions")
        },
        "figures": [_named(c) for c in summary.contrasts],
        "columns": summary.columns,
        "rankings": None if summary.rankings is None else summary.rankings._asdict(),
        "questions": [entry._asdict() for entry in summary.questions[:listed]],
    }
    return json.dumps(plain(content), ensure_ascii=False)


def _named(contrast: Contrast) -> dict[str, Any]:
    return {"k": contrast.k, **contrast._asdict()}
