"""Runs that several integration tests look at; they read them, or copy them first."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from bench_helpers import SAMPLE_NQ


@pytest.fixture(scope="session")
def nq_run(run_once: Callable[..., Path]) -> Path:
    """A folder in which BM25 has run on the sample's NQ questions; read it, never write."""
    return run_once("nq", "run", *SAMPLE_NQ, "--json")


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
