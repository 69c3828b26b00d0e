"""Runs that several integration tests look at; they read them, or copy them first."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from bench_helpers import SAMPLE_NQ, good


@pytest.fixture(scope="session")
def nq_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which BM25 has run on the sample's NQ questions; read it, never write."""
    folder = tmp_path_factory.mktemp("nq")
    done = good("run", *SAMPLE_NQ, "--json", cwd=folder)
    (folder / "stdout.txt").write_text(done.stdout)
    return folder


@pytest.fixture
def nq_cache(nq_run: Path, tmp_path: Path) -> Path:
    """This test's folder, with the stages of ``nq_run`` finished and no results."""
    shutil.copytree(nq_run / "data", tmp_path / "data")
    return tmp_path


@pytest.fixture
def copied(tmp_path: Path) -> Callable[[Path], Path]:
    """Copy a whole folder to where this test may write."""

    def copy(folder: Path) -> Path:
        return shutil.copytree(folder, tmp_path / "copy")

    return copy
