"""What the benchmarks share: where data lies, how time is taken, how a verdict is told.

Each benchmark is one script that runs both sides, compares their results, prints the ratio and
exits 1 where the results differ or the target is missed. What it needs and does not find makes it
say "skipped" and exit 0.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

SETS = ("nq", "triviaqa", "webq", "curatedtrec", "squad")
ARTICLES = "enwiki_201811_p10p30302/articles.*.jsonl.xz"
LIBRARY_NOISE = {
    "OPENAI_API_KEY": "unused",  # pyserini.search.lucene makes a client when it is imported
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


def skip(why: str) -> NoReturn:
    """Say what is missing, and end well."""
    print(f"skipped: {why}")
    raise SystemExit(0)


def shared_data() -> Path:
    """The folder of the real data, or the end of the script."""
    given = os.environ.get("QA_BENCH_SHARED")
    if not given:
        skip("set QA_BENCH_SHARED to the folder whose data/ holds the questions and articles")
    data = Path(given).resolve() / "data"
    if not any(data.glob(ARTICLES)):
        skip(f"no {ARTICLES} under QA_BENCH_SHARED/data")
    for name in SETS:
        if not (data / name / "test.jsonl").is_file():
            skip(f"no {name}/test.jsonl under QA_BENCH_SHARED/data")
    return data


def need_peer(*packages: str) -> None:
    """End the script where a peer is not installed."""
    for package in packages:
        if importlib.util.find_spec(package) is None:
            skip(f"{package} is not installed: pip install 'qa-bench[bm25]'")


def work_folder(name: str) -> Path:
    """A folder for ``name`` that is kept between runs; QA_BENCH_WORK says under which root."""
    root = os.environ.get("QA_BENCH_WORK") or Path(tempfile.gettempdir()) / "qa_bench_benchmarks"
    folder = Path(root).resolve() / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def cache_folder() -> Path:
    """The stage cache shared by the benchmarks that do not time its building."""
    return work_folder("cache")


def machine() -> str:
    """The machine, in one line."""
    model = ""
    with contextlib.suppress(OSError):
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
        model = f", {found.group(1)}" if found else ""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    cores = len(os.sched_getaffinity(0))
    load = f", load {os.getloadavg()[0]:.1f} at the start"
    return f"{cores} cores{model}, {memory:.0f} GB, Python {platform.python_version()}{load}"


def overrides(data: Path, cache: Path, *more: str) -> list[str]:
    """The overrides under which every benchmark runs the line on the real corpus."""
    return [
        "corpus=jsonl",
        f"corpus.path={data}/{ARTICLES}",
        f"paths.raw={data}",
        f"paths.cache={cache}",
        "runtime.progress=false",
        *more,
    ]


def qa_bench(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``qa-bench`` in a process of its own; its errors end the script."""
    command = [sys.executable, "-m", "qa_bench", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd)
    if done.returncode:
        raise SystemExit(f"qa-bench {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
    return done


def line(overridden: Sequence[str]) -> Any:
    """The line of stages in this process, as ``qa-bench`` composes it."""
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    from qa_bench.line.line import Line
    from qa_bench.paths import CONF, SAMPLE

    OmegaConf.register_new_resolver("qa_bench.sample", lambda: str(SAMPLE), replace=True)
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        config = compose("config", overrides=list(overridden))
    choices = {"retriever": "bm25", "chunker": "dpr_w100", "corpus": "jsonl"}
    return Line(config, choices, "bm25")


def built(line: Any, stage: Any) -> Path:
    """Where a stage of the line lies; it is built where it is not there."""
    folder: Path = line.context.run(stage).path
    return folder


def in_fresh_process(script: str, *arguments: Any) -> dict[str, Any]:
    """Run one function of a benchmark as ``python SCRIPT --one NAME ...``; it prints JSON last."""
    words = [str(argument) for argument in arguments]
    command = [sys.executable, script, "--one", *words]
    environment = {**LIBRARY_NOISE, **os.environ}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} failed:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


@dataclass
class Clock:
    """Seconds between the start and the end of a ``with`` block; CPU seconds, children's too.

    On a machine that does other work meanwhile, CPU seconds are the steadier of the two.
    """

    seconds: float = 0.0
    cpu: float = 0.0


@contextlib.contextmanager
def clock() -> Iterator[Clock]:
    """Time a block by wall clock and CPU."""
    measured, start, cpu = Clock(), time.perf_counter(), _cpu()
    try:
        yield measured
    finally:
        measured.seconds, measured.cpu = time.perf_counter() - start, _cpu() - cpu


def _cpu() -> float:
    """CPU seconds of this process and its finished children."""
    return sum(os.times()[:4])


def pairs(count: int, ours: Callable[[], float], theirs: Callable[[], float]) -> list[tuple]:
    """(our, their) seconds of alternating runs; who goes first changes from pair to pair."""
    measured = []
    for number in range(count):
        if number % 2:
            other = theirs()
            measured.append((ours(), other))
        else:
            own = ours()
            measured.append((own, theirs()))
        own, other = measured[-1]
        print(f"  pair {number + 1}: ours {own:.2f} s, theirs {other:.2f} s, {other / own:.2f}×")
    return measured


def median_ratio(measured: Sequence[tuple[float, float]]) -> float:
    """Median over pairs of theirs / ours: how many times faster ours is."""
    return statistics.median(other / own for own, other in measured)


def medians(measured: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Median seconds of our side and of theirs."""
    own, other = zip(*measured, strict=True)
    return statistics.median(own), statistics.median(other)


class Verdict:
    """Collects what was compared and what was reached; ``finish`` exits with the status."""

    def __init__(self, title: str) -> None:
        """Print the title and the machine."""
        self._failed: list[str] = []
        print(f"{title}\n{machine()}", flush=True)

    def same(self, what: str, equal: bool, detail: str = "") -> None:
        """Record a comparison of results."""
        print(f"{'same' if equal else 'DIFFERENT'}: {what}{f' ({detail})' if detail else ''}")
        if not equal:
            self._failed.append(f"{what} differs")

    def at_least(self, what: str, value: float, target: float) -> None:
        """Record a figure that has a lower bound."""
        reached = value >= target
        print(f"RATIO {what}: {value:.2f}× (target ≥ {target}×) {'ok' if reached else 'MISSED'}")
        if not reached:
            self._failed.append(f"{what} {value:.2f} < {target}")

    def at_most(self, what: str, value: float, target: float, unit: str = "") -> None:
        """Record a figure that has an upper bound."""
        reached = value <= target
        print(
            f"RATIO {what}: {value:.2f}{unit} (target ≤ {target}{unit}) "
            f"{'ok' if reached else 'MISSED'}"
        )
        if not reached:
            self._failed.append(f"{what} {value:.2f}{unit} > {target}{unit}")

    def finish(self) -> NoReturn:
        """Exit 0 where everything held, else 1."""
        if self._failed:
            print("FAILED: " + "; ".join(self._failed))
            raise SystemExit(1)
        print("passed")
        raise SystemExit(0)
