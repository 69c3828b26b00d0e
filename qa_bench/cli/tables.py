"""Hydra's callback that writes the tables: after a run, or once at the end of a multirun."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hydra.core.utils import JobStatus
from hydra.experimental.callback import Callback

from qa_bench.report.table import write_tables


class Tables(Callback):
    """Turns the experiment's records into CSV and Markdown and prints the table."""

    def __init__(self) -> None:
        """No job has ended yet."""
        self._succeeded: list[bool] = []

    def on_job_end(self, config: Any, job_return: Any, **kwargs: Any) -> None:
        """Note whether the job did its work; heard only of jobs in this process."""
        completed = job_return.status is JobStatus.COMPLETED
        self._succeeded.append(completed and bool(job_return.return_value))

    def on_run_end(self, config: Any, **kwargs: Any) -> None:
        """After a single run."""
        self._write(config)

    def on_multirun_end(self, config: Any, **kwargs: Any) -> None:
        """After the last job of a multirun."""
        self._write(config)

    def _write(self, config: Any) -> None:
        results, name = Path(config.paths.results), config.name
        if self._succeeded and not any(self._succeeded):
            return
        table = write_tables(results, name)
        if not config.json:
            print(table.text())
        print(f"tables: {results / name}.md, {results / name}.csv", file=sys.stderr)
