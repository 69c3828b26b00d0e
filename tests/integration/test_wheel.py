"""The wheel brings configuration and sample along and needs no checkout."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from bench_helpers import REPOSITORY, good, only, python


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    has_hatchling = python("-c", "import hatchling", cwd=folder).returncode == 0
    words = ["--no-build-isolation"] if has_hatchling else []
    done = python(
        "-m", "pip", "wheel", "--no-deps", *words, "-w", str(folder), str(REPOSITORY), cwd=folder
    )
    if "No matching distribution found for hatchling" in done.stderr:
        pytest.skip("no hatchling here, and none to be had")
    assert done.returncode == 0, done.stderr
    return only(folder.glob("*.whl"))


@pytest.fixture(scope="session")
def installed(wheel: Path) -> Path:
    target = wheel.parent / "site"
    done = python(
        "-m", "pip", "install", "--no-deps", "--target", str(target), str(wheel), cwd=wheel.parent
    )
    assert done.returncode == 0, done.stderr
    return target


def test_what_is_in_it(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {
        "qa_bench/cli/main.py",
        "qa_bench/conf/config.yaml",
        "qa_bench/conf/retriever/bm25.yaml",
        "qa_bench/sample/articles.jsonl",
        "qa_bench/report/published.csv",
        "qa_bench/report/published_systems.csv",
        "qa_bench/report/published_sources.csv",
    } <= set(names)
    for path in (REPOSITORY / "conf").rglob("*.yaml"):
        assert f"qa_bench/conf/{path.relative_to(REPOSITORY / 'conf')}" in names
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"qa_bench"}
    assert not [name for name in names if name.endswith((".pyc", ".arrow", ".lock"))]
    notes = [name for name in names if name.endswith("METADATA")]
    metadata = zipfile.ZipFile(wheel).read(only(Path(name) for name in notes).as_posix()).decode()
    assert "License-Expression: Apache-2.0" in metadata
    assert "Requires-Python: <3.14,>=3.11" in metadata


def test_it_is_typed(wheel: Path) -> None:
    """The classifier "Typing :: Typed" needs the marker file of PEP 561."""
    assert "qa_bench/py.typed" in zipfile.ZipFile(wheel).namelist()


@pytest.mark.java
def test_it_runs_elsewhere(installed: Path, tmp_path: Path) -> None:
    env = {"PYTHONPATH": str(installed)}
    where = python("-c", "import qa_bench; print(qa_bench.__file__)", cwd=tmp_path, env=env)
    assert where.stdout.strip() == str(installed / "qa_bench" / "__init__.py")
    words = ("experiment=sample", "retriever=bm25", "dataset=nq", "--json")
    done = good("run", *words, cwd=tmp_path, env=env)
    (line,) = [json.loads(text) for text in done.stdout.splitlines()]
    assert line["answer_recall@20"] == 33 / 36
    manifest = json.loads(
        only(tmp_path.glob("data/cache/chunk/sample-*/manifest.json")).read_text()
    )
    assert manifest["git"] is None
    listed = good("list", "dataset", cwd=tmp_path, env=env).stdout
    assert "curatedtrec" in listed
    assert good("doctor", cwd=tmp_path, env=env).returncode == 0
