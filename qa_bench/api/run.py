"""``qa_bench.run``: an experiment from Python, as ``qa-bench run`` does it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from qa_bench.api.jobs import lines
from qa_bench.api.results import Results
from qa_bench.line.record import record
from qa_bench.net.consent import large_downloads
from qa_bench.net.policy import network_forbidden
from qa_bench.parts import make
from qa_bench.report.files import write_tables
from qa_bench.report.runs import over_settings
from qa_bench.trust import allow


def run(*overrides: str, trust: Sequence[str] = ()) -> Results:
    """Run an experiment: every system on every question set that the overrides name.

    What is finished is reused, as on the command line, and the same tables are written into
    ``paths.results``. Jobs run one after the other in this process; the first that fails ends the
    run, and what was finished is kept.

    Args:
        overrides: Hydra's, as after ``qa-bench run``: ``"dataset=nq,webq"``, ``"depth=20"``.
        trust: top-level modules whose classes a ``_target_`` may name, as ``--trust``; from now on.

    Raises:
        UserError: an override is wrong, or a job could not do its work; one line says why.
        DataError: an older record of the experiment was edited.
    """
    allow(trust)
    jobs = lines(overrides)
    statistics = make("statistics", jobs[-1].config.statistics)
    over = over_settings(jobs[-1].config.table.over)
    records = []
    for line in jobs:
        network = network_forbidden() if line.config.offline else nullcontext()
        with network, large_downloads(bool(line.config.yes)), line.context.watching():
            line.check_corpus()
            records.append(record(line))
    tables = {(line.config.paths.results, line.config.name): None for line in jobs}
    for results, name in tables:
        if faults := write_tables(Path(results), name, (), statistics, (), over).faults:
            raise faults[0]
    return Results(list(zip(jobs, records, strict=True)))
