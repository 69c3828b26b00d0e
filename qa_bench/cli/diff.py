"""`qa-bench diff`: what differs between two figures, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from qa_bench.analysis.pairing import Entry
from qa_bench.analysis.two_figures import json_line, text, two_figures
from qa_bench.cli.compare import closed_forms, questions
from qa_bench.cli.explain import _cell
from qa_bench.errors import UserError
from qa_bench.report.files import alone
from qa_bench.report.record import Record, load
from qa_bench.report.rows import Row, choose, question_file

_LISTED = 10
Side = tuple[list[Entry], list[str] | None]
"""Records, a set each, and the metrics that are looked at; None for all."""


def diff(config: Any) -> tuple[str, bool]:
    """What differs between the records ``a`` and ``b``, a block a set; and whether nothing does.

    Raises:
        UserError: there is no such record, or one name is several.
        DataError: a file of the results was edited.
    """
    if config.a is None or config.b is None:
        raise UserError(
            "diff needs two figures: qa-bench diff nq/bm25 nq/minilm name=NAME, or two records' "
            "files: qa-bench diff results/x/A.json results/x/B.json"
        )
    alpha, _ = closed_forms(config)
    listed = questions(config, _LISTED)
    names = [str(config.a), str(config.b)]
    if all(_is_file(name) for name in names):
        sides = [_file(name) for name in names]
    else:
        with alone(Path(config.paths.results), config.name, list(config.merge)) as pairs:
            sides = [_file(n) if _is_file(n) else _named(n, pairs) for n in names]
    summary = [two_figures(*both, alpha) for both in _matched(names, sides[0], sides[1])]
    lines = [json_line(one, listed) if config.json else text(one, listed) for one in summary]
    return ("\n" if config.json else "\n\n").join(lines), all(one.same for one in summary)


def _is_file(name: str) -> bool:
    return name.endswith((".json", ".csv")) and Path(name).is_file()


def _file(name: str) -> Side:
    path = Path(name).absolute().with_suffix(".json")
    for entry in load(path.parent.parent, path.parent.name):
        if entry[1].name == path.name:
            return [(entry[0], Path(name).with_suffix(".json"))], None
    raise UserError(f"{name}: not a record of this version")


def _named(name: str, pairs: Sequence[Entry]) -> Side:
    """``set/system[/metric]``, or a system: its records on all sets.

    Raises:
        UserError: there is no such system or metric, or several.
    """
    if cell := _cell(name, pairs):
        record, path, metrics = cell
        single = metrics if len(metrics) == 1 and name.endswith(f"/{metrics[0]}") else None
        return [(record, path)], single
    chosen = {id(record) for record in choose([record for record, _ in pairs], [name])}
    entries = [entry for entry in pairs if id(entry[0]) in chosen]
    rows = {Row.of(record) for record, _ in entries}
    if len(rows) > 1:
        labels = ", ".join(sorted(f"{record.row} ({record.label})" for record, _ in entries))
        raise UserError(f"'{name}' is several rows: name one by its key: {labels}")
    return entries, None


def _matched(names: Sequence[str], a: Side, b: Side) -> list[tuple[Entry, Entry, list[str] | None]]:
    """Records of the same set; two single ones whatever their sets are.

    Raises:
        UserError: no set is of both.
    """
    metrics = list(dict.fromkeys([*(a[1] or ()), *(b[1] or ())])) or None
    if len(a[0]) == 1 and len(b[0]) == 1:
        return [(a[0][0], b[0][0], metrics)]
    of: Callable[[Record], Any] = lambda record: record.question_set  # noqa: E731
    if any(len({of(record) for record, _ in side[0]}) < len(side[0]) for side in (a, b)):
        of = question_file  # several question files under one name, in folders that are merged
    others = {of(record): (record, path) for record, path in b[0]}
    matched = [(entry, others[of(entry[0])], metrics) for entry in a[0] if of(entry[0]) in others]
    if not matched:
        raise UserError(f"no set of both {names[0]} and {names[1]}")
    return matched
