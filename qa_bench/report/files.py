"""An experiment's tables as files, written by one process at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from qa_bench.engine.files import locked, write_whole
from qa_bench.errors import UserError
from qa_bench.protocols import Statistics
from qa_bench.report.markdown import markdown
from qa_bench.report.outcomes import read
from qa_bench.report.record import Record, load
from qa_bench.report.table import Place, Table


@contextmanager
def alone(results: Path, experiment: str) -> Iterator[list[tuple[Record, Path]]]:
    """Yield an experiment's records and their files; no other process writes tables meanwhile.

    So the last one to write has read every record that was there before.

    Raises:
        UserError: there are no records.
    """
    folder = results / experiment
    if not folder.is_dir():
        load(results, experiment)  # says that there is nothing
    with locked(folder / "tables", "writing the results in"):
        yield load(results, experiment)


def write_tables(
    results: Path,
    experiment: str,
    stale: Collection[Place] = (),
    statistics: Statistics | None = None,
) -> Table:
    """Write ``<experiment>.csv`` and ``.md`` from the experiment's records.

    Args:
        results: the folder of all results.
        experiment: its name.
        stale: what the command should have made anew and did not.
        statistics: how rows are compared; None for not at all.

    Raises:
        UserError: there are no records, or a table cannot be written.
        DataError: a record or its per-question file was edited; the message names it.
    """
    with alone(results, experiment) as pairs:
        outcomes = [one for pair in pairs if (one := read(*pair, ())) is not None]
        records = [record for record, _ in pairs]
        table = Table(experiment, records, stale, outcomes, statistics)
        write(results / f"{experiment}.csv", table.csv())
        write(results / f"{experiment}.md", markdown(table))
    return table


def write(path: Path, text: str) -> None:
    """Write a file of the results whole.

    Raises:
        UserError: it cannot be written; the message names it.
    """
    try:
        write_whole(path, text)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
