"""Records of several folders in one table: nothing is chosen silently.

A row that stands in two folders with the same key and the same values is one row, and a note says
that it was repeated; with other values, or under one label with other settings, it is two rows, and
their labels say what differs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from qa_bench.errors import DataError, UserError
from qa_bench.report import certificate
from qa_bench.report.outcomes import read
from qa_bench.report.record import Record, load
from qa_bench.report.rows import Row

Pair = tuple[Record, Path]

LARGEST = 5_000_000
"""Bytes of a record: others' files are no reason to fill the memory."""
_SHOWN = 3
"""Settings that a label names; more, and the folder's name tells rows apart."""
_NO_SYSTEM = ("metrics.", "dataset.")
"""How settings begin that make no other system."""


def folders(places: Sequence[str], whole: bool = False) -> list[Pair]:
    """All records of some folders, in their order; ``whole``: none may be spoilt.

    Raises:
        UserError: a folder is not there, or holds no record.
    """
    pairs: list[Pair] = []
    for place in places:
        folder = Path(place)
        if not folder.is_dir():
            raise UserError(f"{place}: no such folder of results")
        for path in folder.glob("[!.]*.json"):
            if path.stat().st_size > LARGEST:
                raise DataError(f"a record of more than {LARGEST:,} bytes", path)
        pairs += load(folder.parent, folder.name, whole)
    return list({path.resolve(): (record, path) for record, path in pairs}.values())


def merged(pairs: Sequence[Pair]) -> list[Pair]:
    """The records with labels that tell them apart, those that are repeated once.

    Raises:
        DataError: a per-question file that is needed was edited.
    """
    cells: dict[Any, list[Pair]] = {}
    for record, path in pairs:
        cells.setdefault((Row.of(record), record.question_set, record.questions), []).append(
            (record, path)
        )
    several = {cell: _distinct(own) for cell, own in cells.items()}
    rows: dict[Row, list[Path]] = {}
    for (row, *_), own in several.items():
        if len(own) > 1:
            rows.setdefault(row, []).extend(path for _, path in own)
    named = {path: change for paths in rows.values() for path, change in _changes(paths)}
    return [
        (_renamed(record, named[path]) if path in named else record, path)
        for own in several.values()
        for record, path in own
    ]


def _distinct(own: Sequence[Pair]) -> list[Pair]:
    """Records of one cell, those that are the same once, with a note."""
    distinct: list[Pair] = []
    for record, path in own:
        for place, (first, where) in enumerate(distinct):
            count = _differing((first, where), (record, path))
            name = f"{record.system} on {record.question_set}"
            if count == 0:
                note = f"{name}: the same figures in {where.parent} and {path.parent}"
                distinct[place] = (replace(first, notes=[*first.notes, note]), where)
                break
            if record.key and record.key == first.key:
                many = f"{count} questions differ" if count else "its values differ"
                note = f"{name}: not repeatable: {many} in {where.parent} and {path.parent}"
                record = replace(record, notes=[*record.notes, note])
        else:
            distinct.append((record, path))
    return distinct


def _differing(one: Pair, other: Pair) -> int | None:
    """Questions with other values; 0 for records that are the same; None where it is not known."""
    if one[0].key != other[0].key or not one[0].key:
        return None if one[0].values != other[0].values or one[0].key else 0
    first, second = read(*one, ()), read(*other, ())  # an edited file is refused, here too
    if first is None or second is None:
        return 0 if one[0].values == other[0].values else None
    common = [metric for metric in one[0].values if metric in other[0].values]
    unequal = [_unequal(first.values(metric), second.values(metric)) for metric in common]
    return int(np.any(unequal, axis=0).sum()) if unequal else None


def _unequal(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Where values differ; no value is no other than none."""
    differ: np.ndarray = (one != other) & ~(np.isnan(one) & np.isnan(other))
    return differ


def _changes(paths: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    """What tells rows of one label apart: their settings, or their folders."""
    unique = list(dict.fromkeys(paths))
    settings = {path: _settings(path) for path in unique}
    names = [
        name
        for name in dict.fromkeys(name for one in settings.values() for name in one)
        if len({json.dumps(one.get(name)) for one in settings.values()}) > 1
    ]
    for path in unique:
        own = [f"{n.removeprefix('retriever.')}={settings[path].get(n)}" for n in names]
        by_folder = not names or len(names) > _SHOWN or not all(settings.values())
        yield path, f"from={path.parent.name}" if by_folder else ",".join(own)


def _settings(path: Path) -> dict[str, Any]:
    """What makes a record's system, by place."""
    every = certificate.settings(json.loads(path.read_text(encoding="utf-8")))
    return {name: value for name, value in every.items() if not name.startswith(_NO_SYSTEM)}


def _renamed(record: Record, change: str) -> Record:
    brackets = f"[{','.join(record.changes)}]" if record.changes else ""
    changes = [*record.changes, change]
    system = f"{record.system.removesuffix(brackets)}[{','.join(changes)}]"
    return replace(record, system=system, changes=changes)
