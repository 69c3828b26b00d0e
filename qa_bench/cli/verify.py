"""`qa-bench verify [name=NAME]`: an experiment's figures against the published ones."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def verify(words: Sequence[str]) -> int:
    """Run the command.

    Returns:
        The exit status: 0 where every figure is OK or CLOSE, 1 where one is OFF, 2 where there is
        nothing to compare or something is wrong with the words.
    """
    from qa_bench.cli import app

    experiments: dict[tuple[Path, str], bool] = {}

    def collect(line: Any, config: Any) -> None:
        """Note what is to be looked at: an experiment= is a job a cell, and one place for all."""
        experiments[Path(config.paths.results), config.name] = bool(config.json)

    if status := app.main("verify", words, collect):
        return status
    return max((_verify(*place, as_json) for place, as_json in experiments.items()), default=0)


def _verify(results: Path, name: str, as_json: bool) -> int:
    from qa_bench.errors import DataError, UserError
    from qa_bench.report.files import checked
    from qa_bench.report.record import load
    from qa_bench.report.verify import checks, not_compared, text

    try:
        records, _, faults = checked(load(results, name))
        if faults:
            raise faults[0]
        every = checks(records)
    except (UserError, DataError) as error:
        return _failed(str(error))
    held = [one for one in every if one.status]
    if as_json:
        for one in every:
            print(json.dumps(one.json(), ensure_ascii=False))
    elif held:
        print(text(every))
    if not held:
        reasons = not_compared(every)
        why = f": {reasons[0]}" if reasons else ": no system of it repeats a published one"
        more = f" (and {len(reasons) - 1} more reasons)" if len(reasons) > 1 else ""
        return _failed(f"nothing to compare in experiment '{name}'{why}{more}")
    return 1 if any(one.status == "OFF" for one in held) else 0


def _failed(message: str) -> int:
    print(f"qa-bench: error: {message}", file=sys.stderr)
    return 2
