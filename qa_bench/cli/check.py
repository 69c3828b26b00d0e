"""`qa-bench check`: a gate for continuous integration, from results alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qa_bench.analysis.conditions import conditions
from qa_bench.analysis.gate import gate
from qa_bench.analysis.gate_files import junit, markdown, summary
from qa_bench.analysis.pairing import Entry
from qa_bench.cli.analyse import systems
from qa_bench.cli.compare import closed_forms
from qa_bench.errors import UserError
from qa_bench.report.files import alone, write
from qa_bench.report.merge import folders
from qa_bench.report.rows import choose


def check(config: Any) -> tuple[str, bool]:
    """Write ``<name>.check.md`` and ``.check.xml``; return a line a breach, and whether it passes.

    Raises:
        UserError: no condition, no such system, results or reference.
        DataError: a file of the results was edited.
    """
    rules = conditions(config.fail_if)
    alpha, _ = closed_forms(config)
    results, name = Path(config.paths.results), str(config.name)
    with alone(results, name, list(config.merge), whole=True) as pairs:
        reference = _reference(config, results / name)
        chosen = systems(config)
        own = _chosen(pairs, chosen)
        others = None if reference is None else _systems_of(reference, own, chosen)
        where = str(config.reference or "")
        verdicts = gate(own, others, rules, where, alpha)
        write(results / f"{name}.check.md", markdown(name, where, verdicts))
        write(results / f"{name}.check.xml", junit(name, verdicts))
    breaches = [verdict for verdict in verdicts if verdict.breach]
    print(f"check: {results / name}.check.md, .check.xml", file=sys.stderr)
    if config.json:
        lines = [json.dumps(verdict._asdict(), ensure_ascii=False) for verdict in verdicts]
    else:
        lines = [*(f"BREACH {verdict.line}" for verdict in breaches), summary(verdicts)]
    return "\n".join(lines), not breaches


def _reference(config: Any, own: Path) -> list[Entry] | None:
    if config.reference is None:
        return None
    folder = Path(str(config.reference))
    if folder.is_dir() and own.is_dir() and folder.samefile(own):
        raise UserError(f"reference={folder} is the folder of name={config.name} itself")
    return folders([str(folder)], whole=True)


def _chosen(pairs: Sequence[Entry], names: Sequence[str]) -> list[Entry]:
    if not names:
        return list(pairs)
    records = {id(record) for record in choose([record for record, _ in pairs], names)}
    return [entry for entry in pairs if id(entry[0]) in records]


def _systems_of(
    reference: Sequence[Entry], own: Sequence[Entry], names: Sequence[str]
) -> list[Entry]:
    """All of the reference; only the systems of ``own`` where ``system=`` has named some."""
    if not names:
        return list(reference)
    labels = {record.label for record, _ in own}
    return [entry for entry in reference if entry[0].label in labels]
