"""An experiment's tables as files, written by one process at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from qa_bench.engine.files import locked, write_whole
from qa_bench.errors import DataError, UserError
from qa_bench.protocols import Statistics
from qa_bench.report.markdown import markdown
from qa_bench.report.merge import folders, merged
from qa_bench.report.outcomes import Outcomes, read
from qa_bench.report.record import Record, load
from qa_bench.report.runs import averaged, outcomes_of
from qa_bench.report.table import Place, Table


@contextmanager
def alone(
    results: Path, experiment: str, others: Sequence[str] = (), whole: bool = False
) -> Iterator[list[tuple[Record, Path]]]:
    """Yield an experiment's records and their files; no other process writes tables meanwhile.

    So the last one to write has read every record that was there before.

    Args:
        results: the folder of all results.
        experiment: its name.
        others: folders of results to merge; the experiment need not have records of its own then.
        whole: whether a record that cannot be read is refused, not left out.

    Raises:
        UserError: there are no records, or one cannot be read and ``whole``.
    """
    folder, more = results / experiment, folders(others, whole)
    if not any(folder.glob("[!.]*.json")):  # what was compared may stand there, without records
        if not more:
            load(results, experiment)  # says that there is nothing
        yield merged(more)
        return
    with locked(folder / "tables", "writing the results in"):
        own = load(results, experiment, whole)
        yield merged([*own, *more]) if more else own


def write_tables(
    results: Path,
    experiment: str,
    stale: Collection[Place] = (),
    statistics: Statistics | None = None,
    others: Sequence[str] = (),
    over: Sequence[str] = (),
) -> Table:
    """Write ``<experiment>.csv`` and ``.md`` from the experiment's records.

    A record whose figures are not those of its per-question file is left out, and stands among the
    table's ``faults``.

    Args:
        results: the folder of all results.
        experiment: its name.
        stale: what the command should have made anew and did not.
        statistics: how rows are compared; None for not at all.
        others: folders of results to merge.
        over: settings, such as ``train.seed``: rows that differ in nothing else are one.

    Raises:
        UserError: there are no records, or a table cannot be written.
    """
    with alone(results, experiment, others) as pairs:
        singles, known, faults = checked(pairs)
        records = averaged(singles, over)
        outcomes = outcomes_of(records, known)
        table = Table(experiment, records, stale, outcomes, statistics, faults)
        write(results / f"{experiment}.csv", table.csv())
        write(results / f"{experiment}.md", markdown(table))
    return table


def checked(
    pairs: Iterable[tuple[Record, Path]],
) -> tuple[list[Record], list[Outcomes], list[DataError]]:
    """Records, their per-question values where there are any, and what was edited.

    Raises:
        DataError: all of them were.
    """
    records, outcomes, faults = [], [], []
    for record, path in pairs:
        try:
            values = read(record, path, ())
        except DataError as error:
            faults.append(error)
            continue
        records.append(record)
        if values is not None:
            outcomes.append(values)
    if faults and not records:
        raise faults[0]
    return records, outcomes, faults


def write(path: Path, text: str) -> None:
    """Write a file of the results whole.

    Raises:
        UserError: it cannot be written; the message names it.
    """
    try:
        write_whole(path, text)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
