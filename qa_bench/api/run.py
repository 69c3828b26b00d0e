"""``qa_bench.run``: an experiment from Python, as ``qa-bench run`` does it."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

from qa_bench.api.jobs import lines
from qa_bench.api.results import Results
from qa_bench.line.record import record
from qa_bench.net.policy import network_forbidden
from qa_bench.report.table import write_tables


def run(*overrides: str) -> Results:
    """Run an experiment: every system on every question set that the overrides name.

    What is finished is reused, as on the command line, and the same tables are written into
    ``paths.results``. Jobs run one after the other in this process; the first that fails ends the
    run, and what was finished is kept.

    Args:
        overrides: Hydra's, as after ``qa-bench run``: ``"dataset=nq,webq"``, ``"depth=20"``.

    Raises:
        UserError: an override is wrong, or a job could not do its work; one line says why.
    """
    jobs = lines(overrides)
    records = []
    for line in jobs:
        allowance = network_forbidden() if line.config.offline else nullcontext()
        with allowance, line.context.watching():
            records.append(record(line))
    tables = {(line.config.paths.results, line.config.name): None for line in jobs}
    for results, name in tables:
        write_tables(Path(results), name)
    return Results(list(zip(jobs, records, strict=True)))
