from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from qa_bench.cli import doctor as module
from qa_bench.cli.doctor import doctor
from qa_bench.errors import UserError

OFFICIAL_FILES = module._official_files


@pytest.fixture(autouse=True)
def healthy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder on a machine with Java 21 and every package."""
    home = tmp_path / "java"
    home.mkdir()
    (home / "release").write_text('JAVA_VERSION="21.0.8"\n')
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setattr(module, "find_java", lambda: home)
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "1.2.3")
    monkeypatch.setattr(module, "_official_files", lambda: iter(()))
    return work


@pytest.fixture
def with_official_files(healthy: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "_official_files", OFFICIAL_FILES)
    return healthy


def test_all_is_well(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    assert doctor() == 0
    lines = capsys.readouterr().out.splitlines()
    assert "ok       pyserini 1.2.3" in lines
    assert f"ok       Java 21 ({tmp_path / 'java'})" in lines
    assert "ok       configuration and sample are there" in lines
    assert any(line.startswith("ok       Python 3.") for line in lines)
    assert any(line.endswith("GB of disk free here") for line in lines)
    assert not any(line.startswith("MISSING") for line in lines)


def test_missing_official_files_are_told_and_not_counted(
    with_official_files: Path, capsys: pytest.CaptureFixture[str]
):
    assert doctor() == 0
    absent = [line for line in capsys.readouterr().out.splitlines() if line.startswith("absent")]
    assert any("dataset nq has no test file: put nq-test.qa.csv" in line for line in absent)
    assert any("psgs_w100.tsv.gz" in line for line in absent)


def test_official_files_that_are_there(
    with_official_files: Path, capsys: pytest.CaptureFixture[str]
):
    file = with_official_files / "data" / "raw" / "nq" / "nq-test.qa.csv"
    file.parent.mkdir(parents=True)
    file.touch()
    doctor()
    assert "ok       nq test: data/raw/nq/nq-test.qa.csv" in capsys.readouterr().out.splitlines()


def test_without_java(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def find_java() -> Path:
        raise UserError("Lucene needs Java 21 or newer: no Java was found.")

    monkeypatch.setattr(module, "find_java", find_java)
    assert doctor() == 2
    lines = capsys.readouterr().out.splitlines()
    assert "MISSING  Lucene needs Java 21 or newer: no Java was found." in lines
    assert "ok       pyserini 1.2.3" in lines


def test_without_pyserini(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def version(name: str) -> str:
        if name == "pyserini":
            raise importlib.metadata.PackageNotFoundError(name)
        return "1.2.3"

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert doctor() == 2
    told = "MISSING  pyserini is not installed (for BM25): pip install 'qa-bench[bm25]'"
    assert told in capsys.readouterr().out.splitlines()


def test_without_the_configuration(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    monkeypatch.setattr(module, "SAMPLE", tmp_path / "gone")
    assert doctor() == 2
    told = f"MISSING  {tmp_path / 'gone'} is missing: reinstall qa-bench"
    assert told in capsys.readouterr().out.splitlines()


def test_only_what_is_chosen_is_needed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def version(name: str) -> str:
        if name in ("pyserini", "torch"):
            raise importlib.metadata.PackageNotFoundError(name)
        return "1.2.3"

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert doctor(["retriever=minilm"]) == 2
    out = capsys.readouterr().out
    assert "MISSING  torch is not installed (for bi-encoders): pip install 'qa-bench[dense]'" in out
    assert "pyserini" not in out
    assert doctor(["reader=redundancy", "retriever=bm25"]) == 2
    assert "torch" not in capsys.readouterr().out


def test_files_that_are_named(healthy: Path, capsys: pytest.CaptureFixture[str]):
    words = ["retriever=bm25", "dataset=nq", "corpus=jsonl"]
    assert doctor(words) == 2
    out = capsys.readouterr().out
    assert "absent   nq test: https://" in out
    assert "MISSING  the corpus needs corpus.path=" in out
    (healthy / "articles.jsonl").touch()
    assert doctor([*words, "corpus.path=articles.jsonl"]) == 0
    assert "ok       jsonl: articles.jsonl" in capsys.readouterr().out


def test_a_word_that_does_not_compose(capsys: pytest.CaptureFixture[str]):
    assert doctor(["retriver=bm25"]) == 2
    assert "did you mean retriever?" in capsys.readouterr().err
