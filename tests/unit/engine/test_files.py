from __future__ import annotations

import errno
import gzip
import logging
import threading
from pathlib import Path

import pytest

from qa_bench.engine.files import (
    locked,
    settle,
    whole,
    whole_folder,
    whole_text,
    write_whole,
)


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "file.txt"
    write_whole(path, "Zürich\n")
    assert path.read_bytes() == "Zürich\n".encode()

    def full(self: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="full"):
        write_whole(path, "other")
    assert path.read_bytes() == "Zürich\n".encode()
    assert list(tmp_path.iterdir()) == [path]


def test_what_was_half_written_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "file.bin"

    def fail() -> None:
        with whole(path) as temporary:
            temporary.write_bytes(b"half")
            assert not path.exists()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(tmp_path.iterdir()) == []
    with whole(path) as temporary:
        temporary.write_bytes(b"all")
    assert path.read_bytes() == b"all"


def test_a_text_file_is_compressed_by_its_name(tmp_path: Path) -> None:
    for name in ("new/plain.txt", "new/packed.txt.gz", "new/again.txt.gz"):
        with whole_text(tmp_path / name) as text:
            text.write("Zürich\n")
    plain, packed, again = (tmp_path / "new" / name for name in
                            ("plain.txt", "packed.txt.gz", "again.txt.gz"))  # fmt: skip
    assert gzip.decompress(packed.read_bytes()) == plain.read_bytes() == "Zürich\n".encode()
    assert packed.read_bytes() == again.read_bytes()


def test_one_makes_it_and_the_others_wait_and_say_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "qa_bench")
    target, order = tmp_path / "new" / "thing", []

    def other() -> None:
        with locked(target, "building chunk"):
            order.append("other")

    with locked(target, "building chunk"):
        thread = threading.Thread(target=other)
        thread.start()
        while not caplog.messages:
            thread.join(0.01)
        assert order == []
        order.append("first")
    thread.join(5)
    assert order == ["first", "other"]
    assert caplog.messages == ["another process is building chunk thing; waiting for it"]
    with locked(target, "building chunk"):
        pass
    assert len(caplog.messages) == 1, "a free lock is taken without a word"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _touch_twice(path: Path) -> None:
    for _ in range(2):
        path.touch(exist_ok=False)


@pytest.mark.parametrize("go_on", [False, True])
def test_a_whole_folder(go_on: bool, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    with pytest.raises(FileExistsError), whole_folder(folder, go_on) as work:
        _touch_twice(work / "one")
    assert names(folder.parent) == ([".folder.partial"] if go_on else [])
    with whole_folder(folder, go_on) as work:
        assert names(work) == (["one"] if go_on else [])
        (work / "two").touch()
        assert not folder.exists()
    assert names(folder.parent) == ["folder"]
    assert names(folder) == (["one", "two"] if go_on else ["two"])


def test_a_piece_that_is_finished(tmp_path: Path) -> None:
    part, path = tmp_path / "file.part", tmp_path / "file"
    path.write_text("old")
    part.write_text("new")
    settle(part, path)
    assert (names(tmp_path), path.read_text()) == (["file"], "new")
