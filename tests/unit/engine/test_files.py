from __future__ import annotations

import errno
import gzip
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from qa_bench.engine.files import (
    locked,
    no_space,
    settle,
    sweep,
    too_large,
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


def left_by_a_kill(path: Path) -> Path:
    """The temporary file of a process that died while it wrote ``path``."""
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from qa_bench.engine.files import whole\n"
        "with whole(Path(sys.argv[1])) as file: os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    (left,) = path.parent.glob(".*.tmp")
    return left


def test_what_a_kill_left_is_swept_and_what_others_write_is_not(tmp_path: Path) -> None:
    left = left_by_a_kill(tmp_path / "b")
    foreign = tmp_path / ".table.csv.01234567.tmp"
    foreign.touch()
    with whole(tmp_path / "a") as one, whole(tmp_path / "a") as other:
        assert one != other
        one.write_text("1")
        other.write_text("2")
        write_whole(tmp_path / "b", "b")
        assert not left.exists()
    assert names(tmp_path) == [foreign.name, "a", "b"]
    assert (tmp_path / "a").read_text() == "1", "who is done last"
    (tmp_path / ".table.csv.tmp").touch()
    with whole(tmp_path / "c"):
        sweep(tmp_path)
        assert len(names(tmp_path)) == 4
    assert names(tmp_path) == [".table.csv.tmp", "a", "b", "c"]


def test_two_processes_of_one_number_have_names_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Containers number their processes each for itself, and may share a volume."""
    monkeypatch.setattr(os, "getpid", lambda: 7)
    temporaries = set()
    for _ in range(3):
        with whole(tmp_path / "a") as temporary:
            temporaries.add(temporary)
    assert len(temporaries) == 3


@pytest.mark.parametrize("make", [write_whole, lambda path, text: settled(path)])
def test_bytes_are_synced_before_the_name_and_the_name_after(
    make: Callable[[Path, str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def syncing(descriptor: int) -> None:
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        order.append("sync folder" if name == tmp_path.name else f"sync {name.strip('.')[:3]}")
        fsync(descriptor)

    def renaming(self: Path, target: Path) -> Path:
        order.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", syncing)
    monkeypatch.setattr(Path, "replace", renaming)
    make(tmp_path / "new", "text")
    assert order[-3:] == ["sync new", "rename", "sync folder"]


def settled(path: Path) -> None:
    with whole_folder(path) as work:
        (work / "sub").mkdir()
        (work / "sub" / ".one.txt").touch()


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


def test_a_file_that_may_grow_no_more(tmp_path: Path) -> None:
    for error in (
        OSError(errno.EFBIG, "File too large"),
        OSError(None, "[Errno 27] Error writing bytes to file. Detail: File too large"),
    ):
        assert no_space(error, tmp_path)
        assert too_large(error)
    assert not too_large(OSError(errno.ENOSPC, "No space left on device"))
