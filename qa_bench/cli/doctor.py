"""`qa-bench doctor [OVERRIDE ...]`: is everything there that a run needs?"""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from qa_bench.cli.listing import choices
from qa_bench.cli.needs import EXTRAS, JAVA, OPTIONAL, Need, needs
from qa_bench.errors import UserError, python_problem
from qa_bench.net.policy import no_downloads
from qa_bench.paths import CONF, SAMPLE, register_resolvers
from qa_bench.retriever.bm25.java import find_java, java_version

SAMPLE_WORDS = ("experiment=sample",)
"""What is looked for where no override says what will be run."""


def _python() -> str:
    if (problem := python_problem()) is not None:
        raise UserError(problem)
    return f"Python {platform.python_version()}"


def _package(name: str, purpose: str = "") -> str:
    """The version of an installed package.

    Raises:
        UserError: it is not there; says what it is for and how it comes.
    """
    try:
        return f"{name} {importlib.metadata.version(name)}"
    except importlib.metadata.PackageNotFoundError:
        requirement = f"'qa-bench[{EXTRAS[name]}]'" if name in EXTRAS else name
        reason = f" (for {purpose})" if purpose else ""
        raise UserError(f"{name} is not installed{reason}: pip install {requirement}") from None


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


ALWAYS: tuple[Callable[[], str], ...] = (
    _python,
    _shipped,
    lambda: _package("pyarrow"),
    lambda: _package("hydra-core"),
    _disk,
)


def _needed(need: Need) -> Callable[[], str]:
    return _java if need.package == JAVA else lambda: _package(*need)


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


def _files(lines: Sequence[Any], words: Sequence[str]) -> Iterator[tuple[str, Callable[[], Any]]]:
    """The same of what is chosen: dataset and corpus, where the words name them."""
    named = {word.lstrip("+").partition("=")[0].partition(".")[0] for word in words}
    for line in lines:
        for group in ("dataset", "corpus"):
            if group in named or "experiment" in named:
                yield line.choice(group), partial(_place, line, group)


def _place(line: Any, group: str) -> str:
    """Where a part's files lie.

    Raises:
        MissingError: it would be downloaded.
        UserError: it would not, or the part cannot be made.
    """
    from qa_bench.fetch.sources import MissingError
    from qa_bench.net.web import told_size

    part = getattr(line, group)
    things = part.requirements()
    for thing in things:
        if thing.present is None:
            raise MissingError(f"{thing.what}: {thing.address} ({told_size(thing.size)})")
    if things:
        return ", ".join(str(thing.present) for thing in things)
    if group == "dataset":
        return str(part.file() or "no file")
    files = part.files()
    return f"{files[0]}" + (f" and {len(files) - 1} more" if len(files) > 1 else "")


def doctor(words: Sequence[str] = ()) -> int:
    """Print a line a check; the exit status is 0 when nothing needed is missing, 2 otherwise.

    Args:
        words: overrides; what they choose is needed. None: what the embedded sample needs. Official
            files that would be downloaded are told as absent and not counted.
    """
    from omegaconf import OmegaConf

    from qa_bench.api.jobs import lines

    try:
        jobs = lines(list(words) or SAMPLE_WORDS)
        configs: list[Any] = [OmegaConf.to_container(job.config, resolve=False) for job in jobs]
    except UserError as error:
        print(f"qa-bench: error: {error}", file=sys.stderr)
        return 2
    register_resolvers()
    every = needs(configs)
    missing = _report("MISSING", [*ALWAYS, *map(_needed, every)])
    if not words:
        names = {need.package for need in every}
        others = [Need(*pair) for pair in OPTIONAL.items() if pair[0] not in names]
        _report("absent ", map(_needed, others))
    missing += _report_files(_files(jobs, words) if words else _official_files(), bool(words))
    print("         `qa-bench verify-cache` compares finished stages with their hashes")
    return 2 if missing else 0


def _report(state: str, checks: Any) -> int:
    """A line a check; how many failed."""
    failures = 0
    for check in checks:
        try:
            print(f"ok       {check()}")
        except UserError as error:
            print(f"{state}  {error}")
            failures += 1
    return failures


def _report_files(files: Iterator[tuple[str, Callable[[], object]]], counted: bool) -> int:
    """A line a file, each once; how many are missing that cannot be downloaded, if counted."""
    from qa_bench.fetch.sources import MissingError

    lines: dict[str, None] = {}
    absent = failures = 0
    with no_downloads():
        for what, find in files:
            try:
                lines[f"ok       {what}: {find()}"] = None
            except MissingError as error:
                lines[f"absent   {error}"] = None
                absent += 1
            except UserError as error:
                failures += counted
                lines[f"{'MISSING' if counted else 'absent '}  {error}"] = None
    for line in lines:
        print(line)
    if absent:
        print("         absent files are downloaded on first use, or by `qa-bench fetch`:")
        print("         `qa-bench fetch dataset=all corpus=psgs_w100` gets all of DPR's")
    return failures
