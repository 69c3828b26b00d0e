"""Files and folders are there whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from qa_bench.engine.files import settle, whole, whole_folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _half_written(path: Path) -> None:
    path.write_text("half")
    raise ZeroDivisionError


def _touch_twice(path: Path) -> None:
    for _ in range(2):
        path.touch(exist_ok=False)


def test_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    with whole(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
    assert names(tmp_path) == ["file.txt"]
    with pytest.raises(ZeroDivisionError), whole(path) as temporary:
        _half_written(temporary)
    assert (names(tmp_path), path.read_text()) == (["file.txt"], "new")


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
