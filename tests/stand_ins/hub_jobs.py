"""Work in a process of its own, which reaches nothing but the stand-in hub.

A script with ``hub_jobs.main(work)`` is given jobs and leaves results, each a JSON file.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hub import Hub

Work = Callable[[str, dict[str, Any], Path], dict[str, Any]]
"""What comes of a job: of its name, itself, and the folder that holds the hub's models."""


def results_of(
    hub: Hub, script: str, jobs: Mapping[str, Mapping[str, Any]], folder: Path
) -> dict[str, Any]:
    """Run a script, and give what it left: a result for each name, or its "error"."""
    given = {"repositories": str(hub.folder / "models"), "jobs": jobs}
    (folder / "jobs.json").write_text(json.dumps(given))
    words = (script, str(folder / "jobs.json"), str(folder / "results.json"))
    done = hub.python(*words, home=folder / "home", cwd=folder)
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return told


def main(work: Work) -> None:
    """Do the jobs in their order."""
    given = json.loads(Path(sys.argv[1]).read_text())
    told = {}
    for name, job in given["jobs"].items():
        try:
            told[name] = work(name, job, Path(given["repositories"]))
        except Exception:
            told[name] = {"error": traceback.format_exc()}
    Path(sys.argv[2]).write_text(json.dumps(told))
