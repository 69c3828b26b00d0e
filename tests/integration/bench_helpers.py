"""Run the command as its users do, and look at what it left."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import forks
import pytest

from qa_bench.cli.app import VERBS
from qa_bench.paths import SAMPLE

REPOSITORY = Path(__file__).resolve().parents[2]
SAMPLE_NQ = ("corpus=sample", "dataset=nq", "dataset.split=sample")
SETS = ("nq", "triviaqa", "webq", "curatedtrec", "squad")
CHUNK = ("chunk", "verbose=true", "corpus=jsonl", "chunker=words", "corpus.path=articles.jsonl")
METRICS = ("answer_recall@1", "answer_recall@5", "answer_recall@20", "answer_recall@100", "mrr")

Files = dict[str, bytes | str]
"""Names and contents."""
Done = subprocess.CompletedProcess[str]


def python(*words: str, cwd: Path, env: dict[str, str] | None = None, timeout: float = 120) -> Done:
    return subprocess.run(
        [sys.executable, *words],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def qa(
    *words: str,
    cwd: Path,
    env: dict[str, str] | None = None,
    timeout: float = 120,
    verbose: bool = True,
) -> Done:
    """Run it; what is reused and built, and why, is said unless ``verbose`` is false."""
    if verbose and words[:1] and words[0] in VERBS and not {"--cfg", "--help"} & {*words}:
        words = (words[0], "-v", *words[1:])
    return forks.run(*words, cwd=cwd, env=env, timeout=timeout)


def good(*words: str, cwd: Path, env: dict[str, str] | None = None, verbose: bool = True) -> Done:
    """Run it and insist that it went well."""
    done = qa(*words, cwd=cwd, env=env, verbose=verbose)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done


def error_line(done: Done) -> str:
    """The one line that tells what the user did wrong, its prefix left out."""
    assert "Traceback" not in done.stderr, done.stderr[-1500:]
    assert done.returncode == 2, (done.returncode, done.stderr)
    lines = done.stderr.splitlines()
    told = [line for line in lines if line.startswith("qa-bench: error:")]
    assert len(told) == 1, done.stderr
    assert lines[-1] == told[0], done.stderr
    assert done.stdout == ""
    return told[0].removeprefix("qa-bench: error: ")


def case(name: str, words: str, *told: str, **more: Any) -> Any:
    """A command, what its error line must hold, and the files that are there (``files=``)."""
    return pytest.param(words, told, more.get("files", {}), id=name)


def write(folder: Path, files: Files) -> None:
    """Put the files there."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def stage_folders(cwd: Path, stage: str) -> list[Path]:
    """What looks like a finished folder of a stage."""
    return sorted(cwd.glob(f"data/cache/{stage}/[!.]*"))


def run_folder(cwd: Path, dataset: str, system: str = "bm25", depth: int = 100) -> Path:
    """The run that ``system`` made for a set at a depth."""
    for folder in stage_folders(cwd, "search"):
        told = json.loads((folder / "manifest.json").read_text())
        slug, found = told["slug"], told["config"]["depth"]
        if slug.startswith(f"{dataset}-") and slug.endswith(f"-{system}") and found == depth:
            return folder
    raise AssertionError(f"no run of {system} for {dataset} at depth {depth}")


def manifest(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return told


def only(paths: Iterable[Path]) -> Path:
    (path,) = paths
    return path


def all_complete(cwd: Path) -> bool:
    """Is everything that looks finished finished?"""
    folders = [folder for folder in cwd.glob("data/cache/*/*/") if not folder.name.startswith(".")]
    return all((folder / "manifest.json").is_file() for folder in folders)


def figures(done: Done) -> list[dict[str, Any]]:
    """The JSON lines that --json printed."""
    return [json.loads(line) for line in done.stdout.splitlines()]


def values(done: Done) -> dict[str, float]:
    """The retrieval metrics of the only JSON line."""
    (line,) = figures(done)
    return {metric: line[metric] for metric in METRICS}


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return path


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def sample_questions(name: str) -> list[dict[str, Any]]:
    return read_jsonl(SAMPLE / f"{name}.jsonl")


def bytes_of(folder: Path, skip: Sequence[str] = ("manifest.json",)) -> dict[str, bytes]:
    """Every file below a folder, hidden ones too."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in skip
    }


def wait_for(happened: Callable[[], object], what: str, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        if process.poll() is not None:
            raise AssertionError(f"no {what}: {process.communicate()[1]}")
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)
