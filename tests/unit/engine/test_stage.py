from __future__ import annotations

import errno
import json
import logging
import os
import time
from pathlib import Path
from typing import Any

import pytest
import xxhash

from qa_bench.engine import stage
from qa_bench.engine.digests import FileDigests, digest, file_digest
from qa_bench.engine.files import write_whole
from qa_bench.engine.shards import Shards
from qa_bench.engine.stage import run_stage
from qa_bench.errors import UserError
from qa_bench.types import Folder


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

        monkeypatch.setattr(stage, "file_digest", counting)
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
        self, tmp_path: Path, files: list[Path], counted: list[Path]
    ):
        digests = FileDigests(tmp_path / "memory.json")
        self.write(files[0], "fresh", 0)
        digests.of(files)
        digests.of(files)
        assert counted == [*files, files[0]]

    @pytest.mark.parametrize("memory", ["", "{", "\x00"])
    def test_a_broken_memory_is_forgotten(
        self, tmp_path: Path, files: list[Path], counted: list[Path], memory: str
    ):
        path = tmp_path / "memory.json"
        path.write_text(memory)
        FileDigests(path).of(files)
        FileDigests(path).of(files)
        assert counted == files


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


class TestShards:
    def test_finished_shards_are_known_again(self, tmp_path: Path):
        shards = Shards(tmp_path, "passages", ".arrow")
        assert shards.finished() == []
        for number in range(2):
            with shards.write(number, {"count": number}) as path:
                path.write_text(f"shard {number}")
                assert shards.finished() == [{"count": n} for n in range(number)]
        again = Shards(tmp_path, "passages", ".arrow")
        assert again.finished() == [{"count": 0}, {"count": 1}]
        assert again.data(1) == tmp_path / "passages-00001.arrow"
        assert again.data(1).read_text() == "shard 1"

    def test_a_note_may_be_filled_while_writing(self, tmp_path: Path):
        shards = Shards(tmp_path, "passages", ".arrow")
        note: dict[str, Any] = {}
        with shards.write(0, note) as path:
            path.touch()
            note["count"] = 3
        assert shards.finished() == [{"count": 3}]

    def test_a_killed_shard_is_not_finished(self, tmp_path: Path):
        shards = Shards(tmp_path, "passages", ".arrow")

        def killed() -> None:
            with shards.write(0, {}) as path:
                path.write_text("half")
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            killed()
        assert shards.finished() == []
        assert not shards.data(0).exists()

    def test_a_shard_without_its_note_is_not_finished(self, tmp_path: Path):
        shards = Shards(tmp_path, "passages", ".arrow")
        shards.data(0).touch()
        assert shards.finished() == []

    def test_what_lies_after_a_gap_does_not_count(self, tmp_path: Path):
        shards = Shards(tmp_path, "passages", ".arrow")
        for number in (0, 2):
            with shards.write(number, {"n": number}) as path:
                path.touch()
        assert shards.finished() == [{"n": 0}]


class TestRunStage:
    @pytest.fixture(autouse=True)
    def log(self, caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
        caplog.set_level(logging.INFO, "qa_bench")
        return caplog

    @pytest.fixture
    def run(self, tmp_path: Path):
        def run(build: Any = None, **changes: Any) -> Folder:
            def write(folder: Path) -> dict[str, Any]:
                (folder / "out").mkdir(exist_ok=True)
                (folder / "out" / "data.txt").write_text("data")
                return {"rows": 4}

            given: dict[str, Any] = {
                "version": 1,
                "slug": "nq-bm25",
                "config": {"k1": 0.9},
                "inputs": {"file0": "abc"},
                "cache": tmp_path,
            }
            return run_stage("search", build=build or write, **{**given, **changes})

        return run

    def test_it_is_built_once(self, run, tmp_path: Path, log):
        first = run()
        assert first.path == tmp_path / "search" / f"nq-bm25-{first.key}"
        assert not first.reused
        manifest = json.loads((first.path / "manifest.json").read_text())
        assert manifest == first.manifest
        assert manifest["counts"] == {"rows": 4}
        assert manifest["config"] == {"k1": 0.9}
        assert manifest["inputs"] == {"file0": "abc"}
        assert manifest["outputs"] == {
            "out/data.txt": {"bytes": 4, "xxh3": xxhash.xxh3_128_hexdigest(b"data")}
        }
        assert {"python", "pyarrow"} <= set(manifest["packages"])
        second = run(build=lambda folder: pytest.fail("built again"))
        assert second.reused
        assert second.path == first.path
        assert log.messages == [
            f"search: building nq-bm25-{first.key}",
            f"search: reusing nq-bm25-{first.key}",
        ]

    @pytest.mark.parametrize(
        "change",
        [{"version": 2}, {"config": {"k1": 1.2}}, {"inputs": {"file0": "abd"}}, {"inputs": {}}],
    )
    def test_what_changes_the_key(self, run, change: dict[str, Any]):
        assert run().key != run(**change).key

    @pytest.mark.parametrize("change", [{"runtime": {"threads": 7}}, {"slug": "other"}])
    def test_what_does_not_change_the_key(self, run, change: dict[str, Any]):
        assert run().key == run(**change).key

    def test_runtime_is_recorded(self, run):
        assert run(runtime={"threads": 7}).manifest["runtime"] == {"threads": 7}

    def test_a_rebuild_says_why(self, run, log):
        run()
        key = run(config={"k1": 1.2}, inputs={"file0": "abd"}).key
        assert log.messages[-1] == (
            f"search: building nq-bm25-{key} (k1 was 0.9, is 1.2; inputs.file0 was abc, is abd)"
        )

    def test_a_failed_build_leaves_nothing_that_looks_finished(self, run, tmp_path: Path):
        def fail(folder: Path) -> dict[str, Any]:
            (folder / "half.txt").write_text("half")
            raise UserError("bad line")

        with pytest.raises(UserError, match="bad line"):
            run(build=fail)
        assert not [path for path in (tmp_path / "search").iterdir() if path.name[0] != "."]

        assert (run(build=self.read_half)).manifest["counts"] == {"found": "half"}

    @staticmethod
    def read_half(folder: Path) -> dict[str, Any]:
        return {"found": (folder / "half.txt").read_text()}

    def test_a_build_goes_on_where_a_shard_is_finished(self, run, log):
        def killed(folder: Path) -> dict[str, Any]:
            with Shards(folder, "half", ".txt").write(0, {"n": 1}) as path:
                path.write_text("half")
            raise KeyboardInterrupt

        def go_on(folder: Path) -> dict[str, Any]:
            shards = Shards(folder, "half", ".txt")
            return {"finished": shards.finished(), "found": shards.data(0).read_text()}

        with pytest.raises(KeyboardInterrupt):
            run(build=killed)
        resumed = run(build=go_on)
        assert resumed.manifest["counts"] == {"finished": [{"n": 1}], "found": "half"}
        assert log.messages[-1] == f"search: resuming nq-bm25-{resumed.key}"

    def test_notes_and_what_a_kill_left_do_not_stay(self, run):
        def killed(folder: Path) -> dict[str, Any]:
            (folder / ".rows-00000.done.123.tmp").touch()
            raise KeyboardInterrupt

        def build(folder: Path) -> dict[str, Any]:
            for number in range(2):
                with Shards(folder, "rows", ".arrow").write(number, {}) as path:
                    path.touch()
            return {}

        with pytest.raises(KeyboardInterrupt):
            run(build=killed)
        folder = run(build=build)
        names = ["rows-00000.arrow", "rows-00001.arrow"]
        assert list(folder.manifest["outputs"]) == names
        assert sorted(p.name for p in folder.path.iterdir()) == ["manifest.json", *names]

    def test_a_folder_without_a_manifest_is_rebuilt(self, run):
        path = run().path
        (path / "manifest.json").unlink()
        (path / "junk.txt").touch()
        again = run()
        assert not again.reused
        assert sorted(p.name for p in again.path.iterdir()) == ["manifest.json", "out"]

    @pytest.mark.parametrize(
        ("manifest", "message"), [("{", "not valid JSON"), ('{"key": "x"}', "another key")]
    )
    def test_a_spoilt_manifest_is_told(self, run, manifest: str, message: str):
        (run().path / "manifest.json").write_text(manifest)
        with pytest.raises(UserError, match=f"{message}; delete"):
            run()

    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
    def test_a_full_disk_is_told_in_one_line(self, run, number: int):
        def fill(folder: Path) -> dict[str, Any]:
            raise OSError(number, "full")

        with pytest.raises(UserError, match=r"no space left .* set paths\.cache"):
            run(build=fill)

    def test_other_errors_pass(self, run):
        def fail(folder: Path) -> dict[str, Any]:
            raise PermissionError(errno.EACCES, "no")

        with pytest.raises(PermissionError):
            run(build=fail)

    @pytest.mark.parametrize("slug", ["a/b", "bm25[k1=1.2]", "my system: é", "..", "x" * 240])
    def test_any_label_makes_a_folder_of_the_stage(self, run, tmp_path: Path, slug: str):
        folder = run(slug=slug)
        assert folder.path.parent == tmp_path / "search"
        assert folder.path.is_dir()
        assert run(slug=slug).reused
