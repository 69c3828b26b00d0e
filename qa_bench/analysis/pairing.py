"""Two systems on the same questions, set by set; what may not be paired, and why not."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from qa_bench.errors import UserError
from qa_bench.report.outcomes import Outcomes, read
from qa_bench.report.record import Record
from qa_bench.report.rows import Row, choose, question_file, set_place, shortened
from qa_bench.report.table import set_names

Entry = tuple[Record, Path]
TEXTS = ("question", "answers", "prediction", "first_rank", "passages")
"""The columns of a per-question file that a comparison reads."""


@dataclass(frozen=True, eq=False)
class Pair:
    """Two systems on one set, question by question.

    Attributes:
        name: what tables call the set.
        a: the first system's values.
        b: the second one's, in the same order.
    """

    name: str
    a: Outcomes
    b: Outcomes

    def __len__(self) -> int:
        """Number of questions."""
        return len(self.a)

    @cached_property
    def groups(self) -> np.ndarray | None:
        """Codes of the questions' groups, (n,); None where the set has none."""
        return self.a.groups if self.a.groups is not None else self.b.groups

    @cached_property
    def metrics(self) -> list[str]:
        """Those that both have; ``ceiling`` only where it is of different passages.

        None of which some questions have no value: what is compared here has one of every question.
        """
        first, second = self.a.record, self.b.record
        same = first.passages_key == second.passages_key
        partial = {*first.denominators, *second.denominators}
        both = [m for m in first.values if m in second.values and m not in partial]
        return [m for m in both if not (same and m == "ceiling")]

    @cached_property
    def _ranks(self) -> tuple[np.ndarray, np.ndarray]:
        return first_ranks(self.a), first_ranks(self.b)

    @cached_property
    def _values(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        return {m: (self.a.values(m), self.b.values(m)) for m in self.metrics}

    def flags(self, metric: str) -> tuple[np.ndarray, np.ndarray]:
        """Both systems' values of a metric, float64 (n,) each.

        An ``answer_recall@k`` that no record has follows from the first ranks.

        Raises:
            UserError: it is not to be had of both.
        """
        if metric in self._values:
            return self._values[metric]
        name, _, k = metric.partition("@")
        if name == "answer_recall" and k.isdecimal() and 0 < int(k) <= self.deepest:
            first, second = self._ranks
            return within(first, int(k)), within(second, int(k))
        known = ", ".join(self.metrics)
        further = f" and answer_recall@1 to {self.deepest}" if self.deepest else ""
        raise UserError(f"no '{metric}' of both systems on {self.name}: there are {known}{further}")

    @cached_property
    def deepest(self) -> int:
        """The last k whose answer_recall follows from the first ranks of both; 0 for none."""
        cuts = [int(m.partition("@")[2]) for m in self.metrics if m.startswith("answer_recall@")]
        return max(cuts) if cuts and all(map(has_ranks, (self.a, self.b))) else 0


def has_ranks(outcomes: Outcomes) -> bool:
    """Whether its recall is what its first ranks say, at every k that it has."""
    if "first_rank" not in outcomes.table.column_names:
        return False
    ranks = first_ranks(outcomes)
    return all(
        np.array_equal(outcomes.values(metric), within(ranks, int(metric.partition("@")[2])))
        for metric in outcomes.record.values
        if metric.startswith("answer_recall@")
    )


def first_ranks(outcomes: Outcomes) -> np.ndarray:
    """The first passage with an answer, 0 for none or where it is not known; int64 (n,)."""
    if "first_rank" not in outcomes.table.column_names:
        return np.zeros(len(outcomes), dtype=np.int64)
    return np.array(outcomes.column("first_rank"), dtype=np.int64)


def within(ranks: np.ndarray, k: int) -> np.ndarray:
    """Whether the first passage with an answer is among the first k; float64 (n,)."""
    return ((ranks > 0) & (ranks <= k)).astype(np.float64)


@dataclass(frozen=True, eq=False)
class Pairing:
    """Two systems on all sets.

    Attributes:
        a: the first system's label, as short as it may be.
        b: the second one's.
        passages: what both retrieved from; empty where they differ, or where it is not known.
        pairs: by set, in the order of DPR's tables.
        refusals: what is not compared, a line each.
    """

    a: str
    b: str
    passages: str
    pairs: list[Pair]
    refusals: list[str]


def pairing(
    entries: Sequence[Entry],
    a: str | None,
    b: str | None,
    texts: Collection[str] = TEXTS,
) -> Pairing:
    """Put the records of two systems side by side.

    Args:
        entries: records with their files.
        a: the first system, as ``qa_bench.report.rows.choose`` takes it; None where there are two
            in all.
        b: the second one.
        texts: the columns to read beside the metrics.

    Raises:
        UserError: a name is no system or several, both are one, or no set is left.
        DataError: a per-question file was edited.
    """
    first, second = sides([record for record, _ in entries], a, b)
    files = {id(record): path for record, path in entries}
    ours, theirs = _by_set(entries, first, second)
    labels = names(ours, theirs, first, second)
    pairs, refusals = [], []
    every = sorted([*ours.values(), *theirs.values()], key=set_place)
    called = {id(r): name for side in (ours, theirs) for name, r in side.items()}
    for name in dict.fromkeys(called[id(record)] for record in every):
        if name not in ours or name not in theirs:
            there, missing = labels if name in ours else labels[::-1]
            refusals.append(f"{name}: {there} alone has it, {missing} has not")
            continue
        pair = paired_up(name, ours[name], theirs[name], files, labels, texts)
        if isinstance(pair, str):
            refusals.append(f"{name}: {pair}")
        else:
            pairs.append(pair)
    if not pairs:
        raise UserError("nothing to compare: " + "; ".join(refusals))
    corpora = {record.corpus for record in every}
    keys = {record.passages_key for record in every}
    passages = corpora.pop() if len(corpora) == 1 and len(keys) == 1 else ""
    return Pairing(*labels, passages, pairs, refusals)


def _by_set(
    entries: Sequence[Entry], first: Row, second: Row
) -> tuple[dict[str, Record], dict[str, Record]]:
    """Two systems' records by the set's name; as the table calls it where questions differ.

    Only where one system has several question files under one name: else what differs is told.
    """
    records = [[r for r, _ in entries if Row.of(r) == row] for row in (first, second)]
    names = set_names([*records[0], *records[1]])
    several = {
        r.question_set
        for own in records
        for r in own
        if sum(other.question_set == r.question_set for other in own) > 1
    }
    one, other = (
        {names[question_file(r)] if r.question_set in several else r.question_set: r for r in own}
        for own in records
    )
    return one, other


def sides(records: Sequence[Record], a: str | None, b: str | None) -> tuple[Row, Row]:
    """The rows of two systems.

    Raises:
        UserError: a name is no system or several, both are one, or one is not named.
    """
    short = shortened(records).labels
    rows = list(short)
    if a is None and b is None and len(rows) == 2:
        one, other = rows
        return one, other
    if a is None or b is None:
        labels = ", ".join(f"'{short[row]}'" for row in rows)
        raise UserError(f"name two systems, a=… and b=…: there are {labels}")
    chosen = []
    for what, name in (("a", a), ("b", b)):
        own = list(dict.fromkeys(Row.of(record) for record in choose(records, [str(name)])))
        if len(own) > 1:
            labels = ", ".join(f"'{short[row]}'" for row in own)
            raise UserError(f"{what}={name} is {len(own)} systems: name one of {labels}")
        chosen += own
    if chosen[0] == chosen[1]:
        raise UserError(f"a and b are the same system, '{short[chosen[0]]}': name two")
    return chosen[0], chosen[1]


def names(
    ours: dict[str, Record], theirs: dict[str, Record], first: Row, second: Row
) -> tuple[str, str]:
    """Both labels; with the corpus where that is all that tells them apart."""
    if first.system != second.system:
        return first.system, second.system
    one, other = next(iter(ours.values())), next(iter(theirs.values()))
    if one.label != other.label:
        return one.label, other.label
    return f"{one.label} {first.passages_key[:8]}", f"{other.label} {second.passages_key[:8]}"


def paired_up(
    name: str,
    one: Record,
    other: Record,
    files: dict[int, Path],
    labels: tuple[str, str],
    texts: Collection[str] = TEXTS,
) -> Pair | str:
    """Two records of a set as a pair, or why they are none.

    Raises:
        DataError: a per-question file was edited.
    """
    if reason := unlike(one, other):
        return reason
    values = []
    for record, label in zip((one, other), labels, strict=True):
        outcomes = read(record, files[id(record)], texts)
        if outcomes is None:
            return f"{label} is only reported, without values a question"
        values.append(outcomes)
    pair = Pair(name, values[0], values[1])
    if pair.a.column("question") != pair.b.column("question"):
        return "the questions' texts differ"
    if not pair.metrics:
        return "no metric of both"
    if pair.groups is not None and len(np.unique(pair.groups)) < 2:
        return "all questions are of one group, which tells nothing of another"
    return pair


def unlike(one: Record, other: Record) -> str:
    """Why figures of two records may not be held against each other; empty where they may."""
    if one.n != other.n:
        return f"other questions: {one.n:,} and {other.n:,}"
    for what, first, second in (
        ("other questions", one.questions, other.questions),
        ("answers are matched otherwise", one.match, other.match),
        ("other rules of matching", one.mode, other.mode),
    ):
        if first != second:
            return f"{what}: {first} and {second}"
    return ""
