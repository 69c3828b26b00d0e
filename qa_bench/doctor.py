"""`qa-bench doctor`: is everything there that a run needs?"""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
from collections.abc import Callable
from pathlib import Path

from qa_bench.errors import UserError
from qa_bench.java import find_java, java_version
from qa_bench.paths import CONF, SAMPLE


def _python() -> str:
    return f"Python {platform.python_version()}"


def _package(name: str) -> Callable[[], str]:
    def check() -> str:
        try:
            return f"{name} {importlib.metadata.version(name)}"
        except importlib.metadata.PackageNotFoundError:
            raise UserError(f"{name} is not installed: pip install 'qa-bench[bm25]'") from None

    return check


def _java() -> str:
    home = find_java()
    return f"Java {java_version(home)} ({home})"


def _shipped() -> str:
    for folder in (CONF, SAMPLE):
        if not folder.is_dir():
            raise UserError(f"{folder} is missing: reinstall qa-bench")
    return "configuration and sample are there"


def _disk() -> str:
    return f"{shutil.disk_usage(Path.cwd()).free / 1e9:.0f} GB of disk free here"


CHECKS: tuple[Callable[[], str], ...] = (
    _python,
    _shipped,
    _package("pyarrow"),
    _package("hydra-core"),
    _package("pyserini"),
    _package("pyjnius"),
    _java,
    _disk,
)


def doctor() -> int:
    """Print a line a check; the exit status is 0 when all passed, 2 otherwise."""
    status = 0
    for check in CHECKS:
        try:
            print(f"ok       {check()}")
        except UserError as error:
            print(f"MISSING  {error}")
            status = 2
    return status
