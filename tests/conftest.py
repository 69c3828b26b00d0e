"""Fixtures that several tests share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # tests download nothing but from the loopback

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


def run_cli(
    *words: str, cwd: Path, env: dict[str, str] | None = None, timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """Run ``qa-bench`` as its users do, in a folder of its own."""
    return subprocess.run(
        [sys.executable, "-m", "qa_bench", *words],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
    )


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """``cli("run", "dataset=nq", …)`` in this test's folder, which is ``tmp_path``."""

    def run(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
        return run_cli(*words, cwd=tmp_path, **options)  # type: ignore[arg-type]

    return run


@pytest.fixture(scope="session")
def sample_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which ``qa-bench run experiment=sample`` has run once; read it, never write."""
    folder = tmp_path_factory.mktemp("sample")
    done = run_cli("run", "experiment=sample", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    (folder / "stdout.txt").write_text(done.stdout)
    (folder / "stderr.txt").write_text(done.stderr)
    return folder
