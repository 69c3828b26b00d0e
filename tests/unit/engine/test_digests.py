from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
import xxhash

from qa_bench.engine import digests as module
from qa_bench.engine.digests import FileDigests, digest, file_digest, stamp_of, watched


def test_a_digest_is_of_the_value_not_of_its_spelling():
    value = {"b": [1, 2.5, None, True], "a": {"é": "ü"}}
    same = json.loads(json.dumps({"a": {"é": "ü"}, "b": [1, 2.5, None, True]}))
    assert digest(value) == digest(same)
    canonical = b'{"a":{"\\u00e9":"\\u00fc"},"b":[1,2.5,null,true]}'
    assert digest(value) == xxhash.xxh3_128_hexdigest(canonical)
    assert len(digest(value)) == 32


@pytest.mark.parametrize(
    "other", [{"a": 2}, {"b": 1}, {"a": "1"}, {"a": [1]}, {"a": 1, "b": 1}, {}]
)
def test_another_value_has_another_digest(other: dict[str, Any]):
    assert digest({"a": 1}) != digest(other)


def test_the_order_of_a_list_counts():
    assert digest([1, 2]) != digest([2, 1])


def test_a_file_digest_is_of_all_bytes(tmp_path: Path):
    path = tmp_path / "file"
    content = os.urandom((1 << 22) + 17)
    path.write_bytes(content)
    assert file_digest(path) == xxhash.xxh3_128_hexdigest(content)
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert file_digest(path) != xxhash.xxh3_128_hexdigest(content)
    path.write_bytes(b"")
    assert file_digest(path) == "99aa06d3014798d86001c324468d497f"


class TestFileDigests:
    @pytest.fixture
    def counted(self, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
        """Every file whose bytes were read."""
        read: list[Path] = []

        def counting(path: Path) -> str:
            read.append(path)
            return file_digest(path)

        monkeypatch.setattr(module, "file_digest", counting)
        monkeypatch.setattr(module, "_SETTLED_S", -1)  # the files are made in this moment
        monkeypatch.setattr(module, "_digests", {})
        return read

    @pytest.fixture
    def files(self, tmp_path: Path) -> list[Path]:
        paths = [tmp_path / "a.txt", tmp_path / "b.txt"]
        for path in paths:
            self.write(path, path.name, 100)
        return paths

    @staticmethod
    def write(path: Path, text: str, age: float) -> None:
        path.write_text(text)
        os.utime(path, (time.time() - age,) * 2)

    def test_it_remembers(self, tmp_path: Path, files: list[Path], counted: list[Path]):
        memory = tmp_path / "cache" / "file-digests.json"
        expected = [xxhash.xxh3_128_hexdigest(b"a.txt"), xxhash.xxh3_128_hexdigest(b"b.txt")]
        assert FileDigests(memory).of(files) == expected
        assert counted == files
        assert FileDigests(memory).of(files[::-1]) == expected[::-1]
        assert counted == files

    def test_a_changed_file_is_read_again(
        self, tmp_path: Path, files: list[Path], counted: list[Path]
    ):
        digests = FileDigests(tmp_path / "memory.json")
        first = digests.of(files)
        self.write(files[1], "B.txt", 50)
        second = digests.of(files)
        assert counted == [*files, files[1]]
        assert second == [first[0], xxhash.xxh3_128_hexdigest(b"B.txt")]
        files[1].replace(files[0])
        assert digests.of(files[:1]) == second[1:]

    def test_a_file_changed_just_now_is_not_remembered(
        self,
        tmp_path: Path,
        files: list[Path],
        counted: list[Path],
        monkeypatch: pytest.MonkeyPatch,
    ):
        digests = FileDigests(tmp_path / "memory.json")
        digests.of(files)
        monkeypatch.setattr(module, "_SETTLED_S", 2.0)
        self.write(files[0], "fresh", 0)
        digests.of(files)
        self.write(files[0], "FRESH", 100)  # its time of the last change is set back
        digests.of(files)
        assert counted == [*files, files[0], files[0]]

    @pytest.mark.parametrize("how", ["of", "remembered_digest"])
    def test_a_change_that_touch_hides_is_seen(
        self, tmp_path: Path, files: list[Path], counted: list[Path], how: str
    ):
        def content() -> str:
            if how == "of":
                return FileDigests(tmp_path / "memory.json").of(files[:1])[0]
            return module.remembered_digest(files[0])

        first, stat = content(), files[0].stat()
        time.sleep(0.02)  # file systems tell time by the tick
        with files[0].open("r+b") as file:
            file.write(b"A")
        os.utime(files[0], ns=(stat.st_atime_ns, stat.st_mtime_ns))
        assert stat.st_mtime_ns == files[0].stat().st_mtime_ns
        assert content() == xxhash.xxh3_128_hexdigest(b"A.txt") != first

    def test_a_memory_that_cannot_be_written_is_done_without(
        self, tmp_path: Path, files: list[Path], counted: list[Path]
    ):
        (tmp_path / "taken").write_text("")
        assert len(FileDigests(tmp_path / "taken" / "memory.json").of(files)) == 2

    def test_who_watches_is_told_of_every_file(
        self, tmp_path: Path, files: list[Path], counted: list[Path]
    ):
        for _ in range(2):  # hashed, remembered
            with watched() as stamps:
                FileDigests(tmp_path / "memory.json").of(files[:1])
                module.remembered_digest(files[1])
            assert stamps == {path: stamp_of(path) for path in files}

    @pytest.mark.parametrize("memory", ["", "{", "\x00", "[]", "\udcff"])
    def test_a_broken_memory_is_forgotten(
        self, tmp_path: Path, files: list[Path], counted: list[Path], memory: str
    ):
        path = tmp_path / "memory.json"
        path.write_bytes(memory.encode(errors="surrogateescape"))
        FileDigests(path).of(files)
        FileDigests(path).of(files)
        assert counted == files
