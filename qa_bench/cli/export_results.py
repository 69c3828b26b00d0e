"""`qa-bench export what=results`: an experiment's certificates in other people's formats."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from qa_bench.cli.analyse import systems
from qa_bench.engine.files import whole
from qa_bench.errors import UserError
from qa_bench.formats.every_eval_ever import every_eval_ever
from qa_bench.formats.ir_metadata import SUFFIX, ir_metadata
from qa_bench.formats.ro_crate import FILE, ro_crate
from qa_bench.formats.statements import Statement
from qa_bench.report.files import alone, write
from qa_bench.report.outcomes import Outcomes, read
from qa_bench.report.rows import choose


class Entry(NamedTuple):
    """One certificate.

    Attributes:
        statement: its content.
        path: its file.
        outcomes: what its per-question file holds; None where that is not there.
    """

    statement: Statement
    path: Path
    outcomes: Outcomes | None


def export_results(config: Any) -> str:
    """Write the certificates of ``name``, or of its ``system``, into the folder ``export.out``.

    Returns:
        What was written, for people.

    Raises:
        UserError: the experiment has no results, or a file cannot be written.
        DataError: a record that is no certificate, or was edited.
    """
    results, name = Path(config.paths.results), config.name
    with alone(results, name) as pairs:
        records = [record for record, _ in pairs]
        chosen = choose(records, names) if (names := systems(config)) else records
        entries = [
            Entry(_statement(path), path, read(record, path))
            for record, path in pairs
            if record in chosen
        ]
        home = results / name
        write_all, place = FORMATS[config.export.format]
        out = home / place if config.export.out is None else Path(config.export.out)
        return write_all(entries, home, out)


def _statement(path: Path) -> Statement:
    return Statement.of(json.loads(path.read_text(encoding="utf-8")), path)


def _ir_metadata(entries: Sequence[Entry], home: Path, out: Path) -> str:
    for entry in entries:
        _write(out / f"{entry.statement.stem}{SUFFIX}", ir_metadata(entry.statement))
    return f"{out}: {len(entries)} files of ir_metadata"


def _ro_crate(entries: Sequence[Entry], home: Path, out: Path) -> str:
    if out.resolve() != home.resolve():  # a crate holds its files
        for entry in entries:
            _copy(entry.path, out)
            _copy(entry.path.with_suffix(".csv"), out)
    if absent := [entry.path.with_suffix(".csv") for entry in entries if entry.outcomes is None]:
        raise UserError(f"no {absent[0]}, which belongs into the crate: run the system again")
    crate = ro_crate(home.name, [entry.statement for entry in entries])
    _write(out / FILE, _json(crate))
    return f"{out / FILE}: {len(entries)} results"


def _every_eval_ever(entries: Sequence[Entry], home: Path, out: Path) -> str:
    for entry in entries:
        rows = None if entry.outcomes is None else entry.outcomes.table.to_pylist()
        log = every_eval_ever(entry.statement, rows)
        if log.samples_path:
            _write(out / log.samples_path, log.samples)
        _write(out / log.path, _json(log.log))
    return f"{out}: {len(entries)} evaluations"


def _json(content: Any) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
    write(path, text)


def _copy(source: Path, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with whole(folder / source.name) as target:
            shutil.copyfile(source, target)
    except FileNotFoundError:  # told when the crate is made
        return
    except OSError as error:
        raise UserError(f"cannot write {folder / source.name}: {error.strerror}") from error


Writer = Callable[[Sequence[Entry], Path, Path], str]

FORMATS: dict[str, tuple[Writer, str]] = {
    "eee": (_every_eval_ever, "every_eval_ever"),
    "ir_metadata": (_ir_metadata, ""),
    "ro_crate": (_ro_crate, ""),
}
"""What writes a format, and where in the experiment's folder it lies unless out= says."""
