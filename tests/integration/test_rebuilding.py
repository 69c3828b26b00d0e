"""What is built anew, why, and what is used again."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
from bench_helpers import (
    CHUNK,
    SAMPLE_NQ,
    bytes_of,
    error_line,
    good,
    manifest,
    only,
    qa,
    stage_folders,
    write_jsonl,
)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with articles of 60, 160 and 260 words."""
    rows = (
        {"id": str(n), "title": f"Article {n}", "text": " ".join(["word"] * (100 * n + 60))}
        for n in range(3)
    )
    write_jsonl(tmp_path / "articles.jsonl", rows)
    return tmp_path


@pytest.mark.java
@pytest.mark.parametrize(
    ("changes", "built", "why"),
    [
        ("retriever.k1=1.2", "search score", "retriever.k1 was 0.9, is 1.2"),
        ("retriever.b=0.75", "search score", "retriever.b was 0.4, is 0.75"),
        ("depth=50", "search score", "depth was 100, is 50"),
        ("retriever.stemmer=krovetz", "index search score", "stemmer was porter, is krovetz"),
        ("metrics.answer_recall.k=[3]", "score", "metrics.answer_recall.k was [1, 5, 20, 100]"),
        ("mode=drqa", "score", ""),
        ("runtime.threads=1 runtime.java_heap=1g runtime.progress=false", "", ""),
        ("name=other system=mine", "", ""),
    ],
)
def test_what_a_change_rebuilds(changes: str, built: str, why: str, nq_cache: Path) -> None:
    done = good("run", *SAMPLE_NQ, *changes.split(), "--json", cwd=nq_cache)
    stages = re.findall(r"^(\w+): building", done.stderr, re.MULTILINE)
    reused = re.findall(r"^(\w+): reusing", done.stderr, re.MULTILINE)
    if changes.endswith("system=mine"):  # the label is part of folder names only
        assert stages in ([], ["score"])
        return
    assert stages == built.split()
    assert stages + reused == [*built.split(), *reused]
    assert sorted(stages + reused) == ["chunk", "index", "score", "search"]
    first = next((line for line in done.stderr.splitlines() if ": building" in line), "")
    assert why in first


def test_why_the_chunker_made_it_rebuild(place: Path) -> None:
    good(*CHUNK, cwd=place)
    done = good(*CHUNK, "chunker.size=50", cwd=place)
    (line,) = done.stderr.splitlines()
    assert line.startswith("chunk: building jsonl-")
    assert "chunker.size was 100, is 50" in line
    assert len(stage_folders(place, "chunk")) == 2
    assert "chunk: reusing" in good(*CHUNK, cwd=place).stderr


def test_another_content_is_another_corpus(tmp_path: Path) -> None:
    corpus = tmp_path / "articles.jsonl"
    write_jsonl(corpus, [{"id": "1", "title": "Mars", "text": "Mars is red"}])
    good(*CHUNK, cwd=tmp_path)
    old = only(stage_folders(tmp_path, "chunk"))
    corpus.write_text(corpus.read_text().replace("red", "fed"))
    done = good(*CHUNK, cwd=tmp_path)
    new = only(set(stage_folders(tmp_path, "chunk")) - {old})
    before, after = (manifest(folder)["inputs"]["file0"] for folder in (old, new))
    assert f"inputs.file0 was {before}, is {after}" in done.stderr
    assert b"Mars is fed" in (new / "passages-00000.arrow").read_bytes()


def test_the_same_content_elsewhere_is_the_same_corpus(tmp_path: Path) -> None:
    corpus = tmp_path / "articles.jsonl"
    write_jsonl(corpus, [{"id": "1", "title": "Mars", "text": "Mars is red"}])
    good(*CHUNK, cwd=tmp_path)
    os.utime(corpus, (1, 1))
    assert "chunk: reusing" in good(*CHUNK, cwd=tmp_path).stderr
    corpus.rename(tmp_path / "moved.jsonl")
    done = good(*CHUNK[:-1], "corpus.path=moved.jsonl", cwd=tmp_path)
    assert "chunk: reusing" in done.stderr
    (tmp_path / "moved.jsonl").write_text(
        (tmp_path / "moved.jsonl").read_text().replace("red", "fed")
    )
    assert "chunk: building" in good(*CHUNK[:-1], "corpus.path=moved.jsonl", cwd=tmp_path).stderr


def test_a_folder_without_manifest_is_not_trusted(place: Path) -> None:
    good(*CHUNK, cwd=place)
    folder = only(stage_folders(place, "chunk"))
    whole = bytes_of(folder)
    (folder / "manifest.json").unlink()
    (folder / "stray.arrow").write_text("not ours")
    (folder / "passages-00000.arrow").write_text("cut off")
    assert "chunk: building" in good(*CHUNK, cwd=place).stderr
    assert bytes_of(folder) == whole
    assert (folder / "manifest.json").is_file()


def test_a_manifest_of_another_folder_is_not_trusted(place: Path) -> None:
    good(*CHUNK, cwd=place)
    good(*CHUNK, "chunker.size=50", cwd=place)
    one, other = stage_folders(place, "chunk")
    shutil.copy(one / "manifest.json", other / "manifest.json")
    words = (
        CHUNK if manifest(one)["config"]["chunker"]["size"] == 50 else (*CHUNK, "chunker.size=50")
    )
    assert str(other.name) in error_line(qa(*words, cwd=place))
