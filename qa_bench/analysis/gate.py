"""An experiment's figures held against a reference and against floors: what is a breach."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from qa_bench.analysis.conditions import Condition
from qa_bench.analysis.contrast import of_metrics
from qa_bench.analysis.pairing import Entry, Pair, paired_up
from qa_bench.errors import UserError
from qa_bench.report.outcomes import read
from qa_bench.report.record import Record
from qa_bench.statistics.interval import interval

_TEXTS = ("first_rank", "question")


class Verdict(NamedTuple):
    """A condition on a system and a set.

    Attributes:
        set: the question set; empty where it is about none.
        system: the system's label; empty where it is about none.
        condition: as it was written; "there" for being there at all.
        breach: whether it is one.
        reason: what was found, in one line.
        value: the figure, or the difference; None where there is none.
        low: lower end of its interval.
        high: upper end.
    """

    set: str
    system: str
    condition: str
    breach: bool
    reason: str
    value: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def line(self) -> str:
        """The verdict as a line."""
        place = " ".join(text for text in (self.set, self.system) if text)
        return f"{place}: {self.reason}" if place else self.reason


def gate(
    entries: Sequence[Entry],
    reference: Sequence[Entry] | None,
    conditions: Sequence[Condition],
    name: str = "the reference",
    alpha: float = 0.05,
) -> list[Verdict]:
    """Check every condition on every system and set that it is about.

    What is missing on one side is a breach, as is what cannot be compared, and a condition that is
    about nothing.

    Args:
        entries: records with their files.
        reference: those of the reference; None for none.
        conditions: what is a breach.
        name: what messages call the reference.
        alpha: 1 − the level of the intervals.

    Raises:
        UserError: a condition wants a reference, or is a ceiling for what should be high.
        DataError: a per-question file was edited.
    """
    for condition in conditions:
        _check(condition, entries, reference)
    verdicts = list(_missing(entries, reference or (), conditions, name))
    for condition in conditions:
        own = [e for e in entries if condition.set in ("", e[0].question_set)]
        having = [e for e in own if _has(e[0], condition.metric)]
        if not having:
            known = ", ".join(dict.fromkeys(m for r, _ in own for m in r.values))
            reason = (
                f"no system has {condition.metric}: there are {known}"
                if own
                else f"nothing is checked by '{condition.text}': no such set"
            )
            verdicts.append(Verdict(condition.set, "", condition.text, True, reason))
        for record, path in own:
            twin = _twin(record, reference or ())
            if not _has(record, condition.metric):
                if twin is not None and _has(twin[0], condition.metric):
                    reason = f"no {condition.metric}, which {name} has"
                    verdicts.append(_breach(record, condition, reason))
                continue
            verdicts.append(
                _relative(record, path, twin, condition, name, alpha)
                if condition.relative
                else _absolute(record, path, condition, alpha)
            )
    return verdicts


def _check(
    condition: Condition, entries: Sequence[Entry], reference: Sequence[Entry] | None
) -> None:
    if condition.relative and reference is None:
        raise UserError(
            f"fail_if: '{condition.text}': a bound with a sign is a difference from a reference: "
            "reference=results/main"
        )
    shares = [r for r, _ in entries if r.heading(condition.metric).unit == "%"]
    if shares and not condition.relative and condition.operator.startswith(">"):
        raise UserError(
            f"fail_if: '{condition.text}' fails what is good; it says what is a breach: "
            f"'{condition.metric} < {condition.bound:g}'"
        )


def _has(record: Record, metric: str) -> bool:
    """Whether a record has a metric, or its recall at a larger k, from which it may follow."""
    if metric in record.values:
        return True
    name, _, k = metric.partition("@")
    cuts = [m.partition("@")[2] for m in record.values if m.startswith("answer_recall@")]
    deepest = max(map(int, cuts), default=0)
    return name == "answer_recall" and k.isdecimal() and 0 < int(k) <= deepest


def _cell(record: Record) -> tuple[str, str]:
    return record.label, record.question_set


def _twin(record: Record, others: Sequence[Entry]) -> Entry | None:
    """The record of the same system and set, on the same passages if there are several."""
    twins = [entry for entry in others if _cell(entry[0]) == _cell(record)]
    if len(twins) > 1:
        twins = [entry for entry in twins if entry[0].passages_key == record.passages_key]
    return twins[0] if len(twins) == 1 else None


def _missing(
    entries: Sequence[Entry],
    reference: Sequence[Entry],
    conditions: Sequence[Condition],
    name: str,
) -> Iterator[Verdict]:
    """What the reference has and the results have not."""
    there = {_cell(record) for record, _ in entries}
    sets = {condition.set for condition in conditions}
    for record, _ in reference:
        if _cell(record) not in there and ("" in sets or record.question_set in sets):
            reason = f"missing here, {name} has it"
            yield Verdict(record.question_set, record.label, "there", True, reason)


def _breach(record: Record, condition: Condition, reason: str) -> Verdict:
    return Verdict(record.question_set, record.label, condition.text, True, reason)


def _relative(
    record: Record,
    path: Path,
    twin: Entry | None,
    condition: Condition,
    name: str,
    alpha: float,
) -> Verdict:
    if twin is None:
        return _breach(record, condition, f"missing in {name}: nothing to hold it against")
    files = {id(record): path, id(twin[0]): twin[1]}
    labels = (record.label, f"{record.label} of {name}")
    pair = paired_up(record.question_set, record, twin[0], files, labels, _TEXTS)
    if isinstance(pair, str):
        return _breach(record, condition, f"cannot be compared with {name}: {pair}")
    try:
        (contrast,) = of_metrics(pair, [condition.metric], alpha)
    except UserError as error:
        return _breach(record, condition, str(error))
    share = _is_share(record, condition.metric)
    value = getattr(contrast, condition.end or "difference")
    won = (contrast.a_only, contrast.b_only)
    better, worse = won[::-1] if record.heading(condition.metric).lower else won
    reason = (
        f"{_heading(record, condition.metric)} {_number(contrast.difference, share, True)} against "
        f"{name} ({100 * (1 - alpha):g} % {_number(contrast.low, share, True)} to "
        f"{_number(contrast.high, share, True)}; {better} better, {worse} "
        f"worse of {contrast.n:,})"
    )
    return _judged(
        record, condition, value, reason, (contrast.difference, contrast.low, contrast.high)
    )


def _absolute(record: Record, path: Path, condition: Condition, alpha: float) -> Verdict:
    outcomes = read(record, path, _TEXTS)
    metric = condition.metric
    share = _is_share(record, metric)
    if outcomes is None:
        if condition.end or metric not in record.values:
            return _breach(record, condition, "only reported, without values a question")
        value, low, high = record.values[metric], math.nan, math.nan
    else:
        try:
            values, _ = Pair(record.question_set, outcomes, outcomes).flags(metric)
            value = float(values.mean())
            span = interval(values, alpha, outcomes.groups)
        except UserError as error:
            return _breach(record, condition, str(error))
        low, high = span.low, span.high
    ends = f"{_number(low, share)} to {_number(high, share)}"
    beside = f" ({100 * (1 - alpha):g} % {ends})" if math.isfinite(low) else " (only reported)"
    reason = f"{_heading(record, metric)} {_number(value, share)}{beside}"
    chosen = {"": value, "low": low, "high": high}[condition.end]
    return _judged(record, condition, chosen, reason, (value, low, high))


def _judged(
    record: Record,
    condition: Condition,
    value: float,
    reason: str,
    figures: tuple[float, float, float],
) -> Verdict:
    breach = condition.breached(value)
    share = _is_share(record, condition.metric)
    if breach:
        end = f"its {condition.end} end " if condition.end else ""
        bound = _number(condition.bound, share, condition.relative)
        reason += f": {end}{condition.operator} {bound}"
        if not condition.end and math.isfinite(figures[1]):
            sure = all(condition.breached(one) for one in figures[1:])
            reason += ", the whole interval" if sure else ", the interval reaches beyond it"
    numbers = [one if math.isfinite(one) else None for one in figures]
    return Verdict(record.question_set, record.label, condition.text, breach, reason, *numbers)


def _is_share(record: Record, metric: str) -> bool:
    return record.heading(metric).unit == "%"


def _heading(record: Record, metric: str) -> str:
    if metric not in record.headings and metric.startswith("answer_recall@"):
        return f"Top-{metric.partition('@')[2]}"
    return record.heading(metric).title


def _number(value: float, share: bool, signed: bool = False) -> str:
    if not math.isfinite(value):
        return "–"
    return f"{100 * value if share else value:{'+' if signed else ''}.2f}"
