"""Which model it is: a hash of its files, which are read once and never taken for others."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from qa_bench.engine import digests as module
from qa_bench.engine.digests import digest, file_digest
from qa_bench.models.source import Source


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder with two files, an hour old."""
    folder = tmp_path / "model"
    for name in ("config.json", "part/weights"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
        age(folder / name, 3600)
    return folder


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were read."""
    names: list[str] = []

    def counted(path: Path) -> str:
        names.append(path.name)
        return file_digest(path)

    monkeypatch.setattr(module, "file_digest", counted)
    return names


def age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def expected(folder: Path, *names: str) -> str:
    return digest([[name, file_digest(folder / name)] for name in names])


def test_files_are_read_once(model: Path, read: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SETTLED_S", -1)  # they are made in this moment
    whole = expected(model, "config.json", "part/weights")
    assert [Source(str(model), precision=one).identity() for one in ("fp32", "bf16")] == [whole] * 2
    assert read == ["config.json", "weights"]


def test_a_file_that_was_changed_is_read_again(model: Path, read: list[str]) -> None:
    before = Source(str(model)).identity()
    (model / "part/weights").write_text("WEIGHTS of one length"[: len("part/weights")])
    age(model / "part/weights", 1800)
    assert Source(str(model)).identity() == expected(model, "config.json", "part/weights") != before


def test_a_file_that_was_renamed_or_added(model: Path) -> None:
    seen = {Source(str(model)).identity()}
    (model / "config.json").rename(model / "other.json")
    seen.add(Source(str(model)).identity())
    (model / "more").write_text("")
    age(model / "more", 3600)
    seen.add(Source(str(model)).identity())
    assert len(seen) == 3


def test_a_file_that_is_being_written_is_never_remembered(model: Path, read: list[str]) -> None:
    """One length, one time stamp, another content: as within one tick of a file system's clock."""
    file = model / "config.json"
    file.write_text("{1}")
    stat = file.stat()
    before = Source(str(model)).identity()
    file.write_text("{2}")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert Source(str(model)).identity() == expected(model, "config.json", "part/weights") != before
    assert read.count("config.json") == 2
