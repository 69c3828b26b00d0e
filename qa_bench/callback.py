"""Hydra's callback that writes the tables: after a run, or once at the end of a multirun."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback

from qa_bench.report.record import folder_of
from qa_bench.report.table import write_tables


class Tables(Callback):
    """Turns the experiment's records into CSV and Markdown and prints the table."""

    def on_run_end(self, config: Any, **kwargs: Any) -> None:
        """After a single run."""
        self._write(config)

    def on_multirun_end(self, config: Any, **kwargs: Any) -> None:
        """After the last job of a multirun."""
        self._write(config)

    def _write(self, config: Any) -> None:
        results, name = Path(config.paths.results), config.name
        if not any(folder_of(results, name).glob("*.json")):
            return  # a verb that stops before the scores, or every job failed
        table = write_tables(results, name)
        if not config.json:
            print(table.text())
        print(f"tables: {results / name}.md, {results / name}.csv", file=sys.stderr)
