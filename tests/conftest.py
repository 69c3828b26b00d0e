"""Fixtures that several tests share."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import forks
import pytest
from filelock import FileLock

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # tests download nothing but from the loopback
if "PYTEST_XDIST_WORKER" in os.environ:  # there is one a core: nobody needs threads of OpenMP's
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")

pytest_plugins = ("times",)
Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the real data; tests that need it skip where it is missing."""
    named = os.environ.get("QA_BENCH_SHARED")
    if not named:
        pytest.skip("QA_BENCH_SHARED does not name the folder with the real data")
    folder = Path(named).resolve()
    if not (folder / "data").is_dir():
        pytest.skip(f"QA_BENCH_SHARED={named} has no data/ folder")
    return folder


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """``cli("run", "dataset=nq", …)`` in this test's folder, which is ``tmp_path``."""

    def run(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
        return forks.run(*words, cwd=tmp_path, **options)  # type: ignore[arg-type]

    return run


@pytest.fixture(scope="session")
def run_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``run_once("nq", "run", …)``: a folder in which that ran once for all workers."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent

    def made(name: str, *words: str) -> Path:
        folder = base / f"once-{name}"
        with FileLock(base / f"once-{name}.lock"):
            if not (folder / "stderr.txt").exists():
                folder.mkdir(exist_ok=True)
                done = forks.run(*words, cwd=folder, timeout=300)
                assert done.returncode == 0, done.stderr
                (folder / "stdout.txt").write_text(done.stdout)
                (folder / "stderr.txt").write_text(done.stderr)
        return folder

    return made


@pytest.fixture(scope="session")
def sample_run(run_once: Callable[..., Path]) -> Path:
    """A folder in which ``qa-bench run experiment=sample`` has run once; read it, never write."""
    return run_once("sample", "run", "experiment=sample", "--json")
