"""The rows of a table: their order, their labels, short and whole, and how people name them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

from qa_bench.errors import UserError
from qa_bench.report.record import Record

PAPER_ORDER = ("nq", "triviaqa", "webq", "curatedtrec", "squad")
"""The order of DPR's tables; other sets follow by name."""

T = TypeVar("T")

QuestionFile = tuple[str, str, int, str]

Natural = list[tuple[int, int, str]]


class Row(NamedTuple):
    """What one row of a table is about.

    Attributes:
        system: the system's label.
        corpus: the corpus and the chunker; empty for predictions.
        passages_key: tells corpora of one name apart.
    """

    system: str
    corpus: str
    passages_key: str

    @classmethod
    def of(cls, record: Record) -> Row:
        """The row of a record."""
        return cls(record.system, record.corpus, record.passages_key)


def question_file(record: Record) -> QuestionFile:
    """What figures must share to stand in one column."""
    return record.question_set, record.questions, record.n, record.match


def set_place(record: Record) -> tuple[int, str, str]:
    """Where a record's set stands among the columns."""
    named = record.dataset in PAPER_ORDER
    place = PAPER_ORDER.index(record.dataset) if named else len(PAPER_ORDER)
    return place, record.dataset, record.split


def ordered(records: Iterable[Record]) -> list[Row]:
    """The rows in the order of the sweep that made them, then by label, numbers by their size."""
    places: dict[Row, int] = {}
    for record in records:
        row = Row.of(record)
        places[row] = min(record.place, places.get(row, record.place))
    return sorted(
        places,
        key=lambda row: (places[row], natural(row.system), natural(row.corpus), row.passages_key),
    )


def natural(label: str) -> Natural:
    """A key to sort labels with: ``size=50`` before ``size=100``."""
    pieces = re.split(r"([0-9]+)", label)
    return [
        (0, int(piece), "") if place % 2 else (1, 0, piece) for place, piece in enumerate(pieces)
    ]


class Shortened(NamedTuple):
    """The labels of a table's rows.

    Attributes:
        shared: what all rows share, to stand once above the table; empty for nothing.
        labels: a label for each row, no two the same.
    """

    shared: str
    labels: dict[Row, str]


def shortened(records: Sequence[Record]) -> Shortened:
    """The rows' labels without what all of them share: settings, parts around, the corpus."""
    rows = ordered(records)
    changes = {Row.of(record): record.changes for record in records}
    bases = {row: bracketless(row.system, changes[row]) for row in rows}
    shared: list[str] = []
    common: list[str] = []
    if len(rows) > 1:
        around = _common_end(list(bases.values()))
        bases = {row: base.removesuffix(around) for row, base in bases.items()}
        common = [c for c in changes[rows[0]] if all(c in changes[row] for row in rows)]
        shared = [text for text in (around, *common) if text]
    labels = {}
    for row in rows:
        rest = [change for change in changes[row] if change not in common]
        labels[row] = bases[row] + (f"[{','.join(rest)}]" if rest else "")
    corpora = _unique(row.corpus for row in rows)
    if len(corpora) == 1 and corpora[0]:
        shared.append(f"({corpora[0]})")
    else:
        labels = {row: _with_corpus(row, labels) for row in rows}
    labels = _with_keys(labels)
    if len(set(labels.values())) < len(rows):  # the same settings in another order
        return Shortened("", {row: _keyed(f"{row.system} ({row.corpus})", row.passages_key[:8])
                              for row in rows})  # fmt: skip
    return Shortened(" ".join(shared), labels)


def bracketless(system: str, changes: Sequence[str]) -> str:
    """A system's label without its settings."""
    brackets = f"[{','.join(changes)}]"
    return system.removesuffix(brackets) if changes else system


def _common_end(bases: Sequence[str]) -> str:
    """The parts that all labels end with: ``+redundancy``."""
    ends = [base.split("+")[1:] for base in bases]
    common: list[str] = []
    for pieces in zip(*(reversed(end) for end in ends), strict=False):
        if len(set(pieces)) > 1:
            break
        common.insert(0, pieces[0])
    return "".join(f"+{piece}" for piece in common)


def _with_corpus(row: Row, labels: dict[Row, str]) -> str:
    """The corpus where the table holds the system on more than one."""
    twins = [other for other in labels if labels[other] == labels[row]]
    if len({other.corpus for other in twins}) == 1:
        return labels[row]
    return f"{labels[row]} ({row.corpus or 'as given'})"


def _with_keys(labels: dict[Row, str]) -> dict[Row, str]:
    """The start of the passages' key where labels agree otherwise."""
    names = list(labels.values())
    return {
        row: label if names.count(label) == 1 else _keyed(label, row.passages_key[:8])
        for row, label in labels.items()
    }


def _keyed(label: str, key: str) -> str:
    return f"{label[:-1]} {key})" if label.endswith(")") else f"{label} ({key})"


def choose(records: Sequence[Record], names: Iterable[str]) -> list[Record]:
    """The records of the rows that people name.

    Args:
        records: an experiment's.
        names: of rows: the full label, the table's shorter one where it is unambiguous, the system
            alone (all its rows), or the row's key, as in the names of its files.

    Raises:
        UserError: no row is called so, or several are.
    """
    short = shortened(records).labels
    chosen: list[Row] = []
    for name in names:
        rows = _named(str(name), records, short)
        if not rows:
            labels = ", ".join(f"'{short[row]}'" for row in short)
            raise UserError(f"no system '{name}' in these results: there are {labels}")
        chosen += rows
    return [record for record in records if Row.of(record) in chosen]


def _named(name: str, records: Sequence[Record], short: dict[Row, str]) -> list[Row]:
    by_key = [Row.of(record) for record in records if name in (record.row, record.label)]
    by_key += [row for row, label in short.items() if label == name and row not in by_key]
    if by_key:
        rows = _unique(by_key)
        if len(rows) > 1:
            keys = _unique(f"{record.row} ({record.label})" for record in records
                           if Row.of(record) in rows)  # fmt: skip
            raise UserError(f"system '{name}' is {len(rows)} rows; name one by its key: "
                            + ", ".join(keys))  # fmt: skip
        return rows
    systems = _unique(Row.of(record) for record in records if record.system == name)
    if systems:
        return systems
    bases = [row for row in short if short[row].partition("[")[0].partition(" (")[0] == name]
    return bases if len(bases) == 1 else []


def _unique(items: Iterable[T]) -> list[T]:
    return list(dict.fromkeys(items))
