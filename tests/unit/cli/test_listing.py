from __future__ import annotations

from pathlib import Path

import pytest

from qa_bench.cli import listing as module
from qa_bench.cli.listing import choices, groups, listing


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    files = {
        "retriever/bm25.yaml": "about: {description: Lucene's BM25}\nk1: 0.9\n",
        "retriever/alpha.yaml": "# @package _global_\n# What it is.\n# More.\nk1: 1\n",
        "retriever/bare.yaml": "k1: 1\n",
        "retriever/notes.txt": "no choice",
        "dataset/empty.yaml": "",
        "hydra/job_logging/short.yaml": "version: 1\n",
        "config.yaml": "depth: 100\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(module, "CONF", tmp_path)
    return tmp_path


def test_groups_are_folders_but_hydras(conf: Path):
    assert groups() == ["dataset", "retriever"]


def test_choices_are_described_by_about_or_the_first_comment(conf: Path):
    assert choices("retriever") == [
        ("alpha", "What it is."),
        ("bare", ""),
        ("bm25", "Lucene's BM25"),
    ]
    assert choices("dataset") == [("empty", "")]


def test_a_group_is_listed(conf: Path, capsys: pytest.CaptureFixture[str]):
    assert listing(["retriever"]) == 0
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert lines == [["retriever="], ["alpha", "What it is."], ["bare"], ["bm25", "Lucene's BM25"]]


def test_all_groups_are_listed(conf: Path, capsys: pytest.CaptureFixture[str]):
    assert listing([]) == 0
    out = capsys.readouterr().out.splitlines()
    assert [line for line in out if line.endswith("=")] == ["dataset=", "retriever="]


def test_an_unknown_group_is_told_with_the_known_ones(
    conf: Path, capsys: pytest.CaptureFixture[str]
):
    assert listing(["models"]) == 2
    streams = capsys.readouterr()
    assert streams.err == "qa-bench: error: no group 'models': use one of dataset, retriever\n"
    assert streams.out == ""


def test_what_ships():
    shipped = {"chunker", "corpus", "dataset", "experiment", "metric", "retriever", "runtime"}
    assert shipped <= set(groups())
    names = [name for name, _ in choices("dataset")]
    assert {"nq", "triviaqa", "webq", "curatedtrec", "squad"} <= set(names)
    for group in groups():
        assert all(description for _, description in choices(group)), group
