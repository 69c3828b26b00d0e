"""Rows that differ in their seeds alone become one: the mean of several runs.

Records are joined before anything is arranged or drawn, and tables, captions and plots go by what
comes of it. Nothing is averaged over different questions, or over different rules of matching.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from qa_bench.errors import UserError
from qa_bench.report.outcomes import Outcomes
from qa_bench.report.record import Record
from qa_bench.report.rows import QuestionFile, Row, bracketless, question_file
from qa_bench.settings import strings

_PASSAGES = ("chunker", "corpus", "dataset")
"""Groups whose settings make other passages or other questions, which no mean is taken over."""
_TRAIN = "train."
TRAINED = "trained"
"""What the label of a trained system says where it names no setting of the training."""


@dataclass(frozen=True)
class Mean(Record):
    """The mean of several runs of one system on one set, as a record.

    Attributes:
        runs: the records of the runs, one at least.
        seeds: what tells them apart: the values of ``over`` in their labels.
        over: the settings in which they differ.
        members: their records and those that repeat one of them.
    """

    runs: tuple[Record, ...] = ()
    seeds: tuple[str, ...] = ()
    over: tuple[str, ...] = ()
    members: tuple[Record, ...] = ()

    def spread(self, metric: str) -> float | None:
        """The standard deviation of the runs' figures; None of one run."""
        values = [run.values[metric] for run in self.runs]
        if len(values) < 2:
            return None
        mean = math.fsum(values) / len(values)
        return math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))


class _Run(NamedTuple):
    """A record with what its label would be, and what is left out there."""

    record: Record
    changes: tuple[str, ...]
    seed: str

    @property
    def row(self) -> Row:
        return _row(self.record, self.changes)


def over_settings(over: Sequence[str] | None) -> list[str]:
    """The settings of ``table.over``; none for null.

    Raises:
        UserError: it is no list of names, or one makes other passages or questions.
    """
    names = strings("table.over", over)
    for name in names:
        if "=" in name or not name.strip():
            raise UserError(f"table.over: names of settings, such as [train.seed], got '{name}'")
        if name.partition(".")[0] in _PASSAGES:
            raise UserError(
                f"table.over: '{name}' makes other passages or questions: no mean is taken over it"
            )
    return names


def averaged(records: Sequence[Record], over: Sequence[str]) -> list[Record]:
    """The records, those that differ in nothing but settings of ``over`` as one ``Mean`` a set.

    Where a system has one run alone it stays as it is. Runs whose key is the same are one: the
    setting changes nothing there, or one label names what another leaves to the default.

    Args:
        records: an experiment's.
        over: names of settings, such as ``train.seed``.
    """
    if not over:
        return list(records)
    families: dict[Row, list[_Run]] = {}
    for run in _runs(records, over):
        families.setdefault(run.row, []).append(run)
    joined = [one for family in families.values() for one in _family(family, tuple(over))]
    return _with_notes(joined, over)


def outcomes_of(records: Sequence[Record], outcomes: Sequence[Outcomes]) -> list[Outcomes]:
    """Per-question values of joined records; those of which a run is only reported have none.

    Args:
        records: what ``averaged`` has made.
        outcomes: of single runs.
    """
    known = {_cell(one.record): one for one in outcomes}
    joined = (_outcomes(record, known) for record in records)
    return [one for one in joined if one is not None]


def members(record: Record | None) -> Sequence[Record]:
    """The records that one is made of; itself, where it is of one run."""
    if record is None:
        return ()
    return record.members if isinstance(record, Mean) else (record,)


def _cell(record: Record) -> tuple[Row, QuestionFile]:
    return Row.of(record), question_file(record)


def _outcomes(
    record: Record, known: Mapping[tuple[Row, QuestionFile], Outcomes]
) -> Outcomes | None:
    if not isinstance(record, Mean):
        own = known.get(_cell(record))
        return None if own is None else replace(own, record=record)
    several = [known.get(_cell(run)) for run in record.runs]
    there = tuple(one for one in several if one is not None)
    if len(there) < len(several):
        return None
    return Outcomes(record, there[0].path, there[0].table, there, record.seeds)


def noun(over: Sequence[str]) -> str:
    """What people call runs that differ in these settings."""
    return "seeds" if all(name.endswith("seed") for name in over) else "runs"


def _runs(records: Sequence[Record], over: Sequence[str]) -> list[_Run]:
    """The records with their labels of fewer settings.

    A label that loses the last setting of its training says ``trained``, unless all of its records
    are the same run: what is not trained has no seed.
    """
    runs = [_without(record, over) for record in records]
    keys: dict[tuple[Row, QuestionFile], list[str]] = {}
    for run in runs:
        keys.setdefault((run.row, question_file(run.record)), []).append(run.record.key)
    alike = {row for (row, _), several in keys.items() if len(several) > 1}
    alike -= {row for (row, _), several in keys.items() if len(set(several)) > 1 or "" in several}
    alike -= {run.row for run in runs if TRAINED in run.record.changes}
    return [
        run._replace(changes=run.changes[:-1])
        if run.row in alike and run.changes[-1:] == (TRAINED,)
        else run
        for run in runs
    ]


def _without(record: Record, over: Sequence[str]) -> _Run:
    starts = tuple(f"{name.removeprefix('retriever.')}=" for name in over)
    own = [change for change in record.changes if change.startswith(starts)]
    rest = [change for change in record.changes if change not in own]
    if any(change.startswith(_TRAIN) for change in own) and not any(
        change.startswith(_TRAIN) or change == TRAINED for change in rest
    ):
        rest.append(TRAINED)
    return _Run(record, tuple(rest), ",".join(change.partition("=")[2] for change in own))


def _row(record: Record, changes: Sequence[str]) -> Row:
    brackets = f"[{','.join(changes)}]" if changes else ""
    base = bracketless(record.system, record.changes)
    return Row(base + brackets, record.corpus, record.passages_key)


def _family(family: Sequence[_Run], over: tuple[str, ...]) -> list[Record]:
    """The records of one row: as they are where no set has two of them, else a mean a set."""
    sets: dict[QuestionFile, list[_Run]] = {}
    for run in family:
        sets.setdefault(question_file(run.record), []).append(run)
    if max(map(len, sets.values())) < 2:
        return [run.record for run in family]
    for several in sets.values():
        if problem := _unlike(several):
            note = f"{family[0].row.system}: {problem}: no mean is taken, each stands alone"
            return [replace(run.record, notes=[*run.record.notes, note]) for run in family]
    return [_mean(several, over) for several in sets.values()]


def _distinct(several: Sequence[_Run]) -> list[_Run]:
    """Runs of one set, each that was made twice once: by its key, and the figures.

    Of two, that whose label names the setting.
    """
    runs: dict[object, _Run] = {}
    for place, run in enumerate(sorted(several, key=lambda one: not one.seed)):
        made = (run.record.key or place, tuple(run.record.values.items()))
        runs.setdefault(made, run)
    return [run for run in several if any(run is one for one in runs.values())]


def _unlike(several: Sequence[_Run]) -> str:
    """Why runs of one set are no runs of one system; empty where they are."""
    modes = dict.fromkeys(run.record.mode for run in several)
    if len(modes) > 1:
        return f"its runs are matched by the rules of {' and '.join(modes)}"
    seeds = [run.seed for run in _distinct(several)]
    twice = next((seed for seed in seeds if seeds.count(seed) > 1), None)
    return "" if twice is None else f"two of its runs have the same seed '{twice}'"


def _mean(several: Sequence[_Run], over: tuple[str, ...]) -> Mean:
    runs = _distinct(several)
    records = [run.record for run in runs]
    first, system = records[0], runs[0].row.system
    notes = [note for record in records for note in record.notes]
    metrics = [m for m in first.values if all(m in record.values for record in records)]
    every = dict.fromkeys(metric for record in records for metric in record.values)
    if absent := [metric for metric in every if metric not in metrics]:
        where = f"{system} on {first.question_set}"
        notes.append(f"{where}: not all of its {len(runs)} runs have {', '.join(absent)}: run them "
                     "again")  # fmt: skip
    costs = dict.fromkeys(name for record in records for name in record.costs)
    fields = {**vars(first)}
    fields |= {
        "system": system,
        "changes": list(runs[0].changes),
        "values": {m: _average([record.values[m] for record in records]) for m in metrics},
        "costs": {
            name: _average([r.costs[name] for r in records if name in r.costs]) for name in costs
        },
        "notes": list(dict.fromkeys(notes)),
        "published_as": [
            name for name in first.published_as if all(name in r.published_as for r in records)
        ],
        "published_unlike": {k: v for r in records for k, v in r.published_unlike.items()},
        "version": "/".join(dict.fromkeys(record.version for record in records)),
        "place": min(run.record.place for run in several),
        "key": first.key if len(records) == 1 else "",
        "digest": "",
    }
    members = tuple(run.record for run in several)
    return Mean(**fields, runs=tuple(records), seeds=tuple(run.seed for run in runs), over=over,
                members=members)  # fmt: skip


def _average(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _with_notes(records: Sequence[Record], over: Sequence[str]) -> list[Record]:
    """The records with what a reader must know of the number of their runs."""
    means = [one for one in records if isinstance(one, Mean)]
    if not any(len(one.runs) > 1 for one in means):
        return list(records)
    word = noun(over)
    one_by_one = f"{word[:-1]} by {word[:-1]}"
    notes: dict[Row, list[str]] = {}
    sets: dict[QuestionFile, list[Mean]] = {}
    for one in means:
        sets.setdefault(question_file(one), []).append(one)
    for row in dict.fromkeys(map(Row.of, means)):
        own = [one for one in means if Row.of(one) == row]
        if len({len(one.runs) for one in own}) > 1:
            counts = ", ".join(f"{len(one.runs)} on {one.question_set}" for one in own)
            note = f"{row.system}: not as many {word} everywhere: {counts}"
            notes.setdefault(row, []).append(note)
    for several in sets.values():
        own = [one for one in several if len(one.runs) > 1]
        if len({frozenset(one.seeds) for one in own}) > 1:
            pieces = "; ".join(f"{one.system} {', '.join(map(_shown, one.seeds))}" for one in own)
            where = own[0].question_set
            note = f"{where}: rows of other {word} are not compared {one_by_one}: {pieces}"
            for one in own:
                notes.setdefault(Row.of(one), []).append(note)
    noted = []
    for record in records:
        more = notes.get(Row.of(record), [])
        run = _without(record, over)
        if not isinstance(record, Mean) and run.seed:
            more = [f"{record.system}: one run: its interval tells nothing of other {word}"]
        noted.append(replace(record, notes=[*record.notes, *more]) if more else record)
    return noted


def _shown(seed: str) -> str:
    return seed or "default"
