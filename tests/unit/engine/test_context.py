"""Building once and whole, reusing, looking, and saying why not."""

from __future__ import annotations

import errno
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import pytest
import xxhash

from qa_bench.engine.context import Context
from qa_bench.engine.manifest import MANIFEST
from qa_bench.engine.shards import Shards
from qa_bench.engine.stage import Stage
from qa_bench.errors import UserError
from qa_bench.types import Folder, Runtime

Inputs = Mapping[str, Folder]
MakeStage = Callable[..., Stage]
RunStage = Callable[..., Folder]
Log = pytest.LogCaptureFixture


def never(*_: Any) -> NoReturn:
    raise AssertionError("built")


def test_it_is_built_once(run: RunStage, tmp_path: Path, log: Log) -> None:
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
    assert "provisional" not in manifest
    second = run(build=never)
    assert second.reused
    assert second.path == first.path
    assert log.messages == [
        f"search: building nq-bm25-{first.key}",
        f"search: reusing nq-bm25-{first.key}",
    ]


def test_what_goes_in_is_built_first_and_looked_at_once(
    make_stage: MakeStage, tmp_path: Path, log: Log
) -> None:
    def follow(folder: Path, inputs: Inputs) -> dict[str, Any]:
        assert sorted(inputs) == ["left", "right"]
        assert all((one.path / "out" / "data.txt").is_file() for one in inputs.values())
        return {"keys": [one.key for one in inputs.values()]}

    first = make_stage(name="chunk", slug="c")
    left, right = (
        make_stage(name="index", slug=slug, config={"of": slug}, inputs={"passages": first})
        for slug in ("left", "right")
    )
    score = make_stage(name="score", inputs={"left": left, "right": right}, build=follow)
    context = Context(tmp_path, Runtime())
    folder = context.run(score)
    assert folder.manifest["counts"]["keys"] == [left.key, right.key]
    assert [line.split("-")[0] for line in log.messages] == [
        "chunk: building c", "index: building left", "index: building right", "score: building nq",
    ]  # fmt: skip
    assert context.run(score) is folder
    assert context.run(make_stage(name="chunk", slug="c")).key == first.key
    assert len(log.messages) == 4


def test_another_slug_is_the_same_folder(run: RunStage) -> None:
    first = run()
    again = run(slug="other", build=never)
    assert (again.path, again.reused) == (first.path, True)


def test_a_rebuild_says_why(run: RunStage, log: Log) -> None:
    run()
    key = run(config={"k1": 1.2}, digests={"file0": "abd"}).key
    assert log.messages[-1] == (
        f"search: building nq-bm25-{key} (k1 was 0.9, is 1.2; inputs.file0 was abc, is abd)"
    )


def test_a_failed_build_leaves_nothing_that_looks_finished(run: RunStage, tmp_path: Path) -> None:
    def fail(folder: Path, inputs: Inputs) -> NoReturn:
        (folder / "half").mkdir()
        (folder / "half" / "half.txt").write_text("half")
        (folder / "manifest.json").write_text("{}")
        raise UserError("bad line")

    def begin_anew(folder: Path, inputs: Inputs) -> dict[str, Any]:
        return {"there": [path.name for path in folder.iterdir()]}

    with pytest.raises(UserError, match="bad line"):
        run(build=fail)
    assert not [path for path in (tmp_path / "search").iterdir() if path.name[0] != "."]
    manifest = run(build=begin_anew).manifest
    assert (manifest["counts"], manifest["outputs"]) == ({"there": []}, {})


def test_a_build_goes_on_where_a_shard_is_finished(run: RunStage, log: Log) -> None:
    def killed(folder: Path, inputs: Inputs) -> NoReturn:
        with Shards(folder, "half", ".txt").write(0, {"n": 1}) as path:
            path.write_text("half")
        raise KeyboardInterrupt

    def go_on(folder: Path, inputs: Inputs) -> dict[str, Any]:
        shards = Shards(folder, "half", ".txt")
        return {"notes": shards.finished(), "text": shards.data(0).read_text()}

    with pytest.raises(KeyboardInterrupt):
        run(build=killed)
    resumed = run(build=go_on)
    assert resumed.manifest["counts"] == {"notes": [{"n": 1}], "text": "half"}
    assert log.messages[-1] == f"search: resuming nq-bm25-{resumed.key}"


def test_notes_and_what_a_kill_left_do_not_stay(run: RunStage) -> None:
    def killed(folder: Path, inputs: Inputs) -> NoReturn:
        with Shards(folder, "rows", ".arrow").write(0, {}) as path:
            path.touch()
        for left in (".rows-00001.done.0123abcd.tmp", "rows-00001.tmp", "state.json", MANIFEST):
            (folder / left).touch()
        (folder / "lucene").mkdir()
        raise KeyboardInterrupt

    def build(folder: Path, inputs: Inputs) -> dict[str, Any]:
        assert sorted(p.name for p in folder.iterdir()) == ["rows-00000.arrow", "rows-00000.done"]
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
    (folder.path / "rows-00000.done").touch()  # of a kill right after the folder was renamed
    assert run(build=never).reused
    assert not (folder.path / "rows-00000.done").exists()


def test_a_folder_without_a_manifest_is_rebuilt(run: RunStage) -> None:
    path = run().path
    (path / "manifest.json").unlink()
    (path / "junk.txt").touch()
    again = run()
    assert not again.reused
    assert sorted(p.name for p in again.path.iterdir()) == ["manifest.json", "out"]


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "full"),
        OSError(errno.EDQUOT, "full"),
        RuntimeError("write error in index.faiss: 6 != 60 (No space left on device)"),
        OSError("38400 requested and 26592 written"),
        OSError(errno.EFBIG, "Error writing bytes to file"),
    ],
)
def test_a_full_disk_is_told_in_one_line(
    run: RunStage, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(folder: Path, inputs: Inputs) -> NoReturn:
        usage = shutil.disk_usage(folder)
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=4096))
        raise error

    limited = getattr(error, "errno", None) == errno.EFBIG
    message = r"ulimit -f" if limited else r"no space left .* set paths\.cache"
    with pytest.raises(UserError, match=message):
        run(build=fill)


def test_other_errors_pass(run: RunStage) -> None:
    for error in (PermissionError(errno.EACCES, "no"), OSError("no number"), UserError("no")):

        def fail(folder: Path, inputs: Inputs, error: Exception = error) -> NoReturn:
            raise error

        with pytest.raises(type(error)) as caught:
            run(build=fail)
        assert caught.value is error


@pytest.mark.parametrize("slug", ["a/b", "bm25[k1=1.2]", "my system: é", "..", "x" * 240])
def test_any_label_makes_a_folder_of_the_stage(run: RunStage, tmp_path: Path, slug: str) -> None:
    folder = run(slug=slug)
    assert folder.path.parent == tmp_path / "search"
    assert folder.path.is_dir()
    assert run(slug=slug).reused


# Looking, and nothing else


def test_find_and_why_build_nothing(make_stage: MakeStage, tmp_path: Path) -> None:
    context = Context(tmp_path / "cache", Runtime())
    stage = make_stage(build=never, inputs={"index": make_stage(name="index", build=never)})
    assert context.find(stage) is None
    assert context.why(stage) == ""
    assert not (tmp_path / "cache").exists()


def test_find_knows_what_is_finished(
    make_stage: MakeStage, run: RunStage, tmp_path: Path, log: Log
) -> None:
    first = run()
    log.clear()
    context = Context(tmp_path, Runtime())
    folder = context.find(make_stage(build=never))
    assert folder is not None
    assert (folder.path, folder.manifest, folder.reused) == (first.path, first.manifest, True)
    assert context.find(make_stage(build=never, slug="other")) == folder
    assert context.find(make_stage(build=never, config={"k1": 1.2})) is None
    above = make_stage(name="score", inputs={"run": make_stage(build=never)}, build=never)
    assert context.find(above) is None
    (first.path / "manifest.json").unlink()
    assert context.find(make_stage(build=never)) is None
    assert log.messages == []


def test_why_is_the_difference_from_the_newest_of_the_slug(
    make_stage: MakeStage, run: RunStage, tmp_path: Path
) -> None:
    def why(**changes: Any) -> str:
        return Context(tmp_path, Runtime()).why(make_stage(build=never, **changes))

    old = run(config={"k1": 0.1})
    os.utime(old.path / "manifest.json", (1, 1))
    run()
    assert why(config={"k1": 1.2}) == "k1 was 0.9, is 1.2"
    assert why(version=2) == "version was 1, is 2"
    assert why(config={"k1": 0.9, "b": {"c": 1}}) == "b was None, is {'c': 1}"
    assert why(digests={}) == "inputs.file0 was abc, is None"
    assert why(slug="never-made", config={"k1": 1.2}) == ""
    assert why() == "", "there it is"
    before = make_stage(name="index")
    assert why(inputs={"index": before}) == f"inputs.index was None, is {before.key}"


def test_what_is_missing_is_told(make_stage: MakeStage, tmp_path: Path) -> None:
    def missing() -> NoReturn:
        raise UserError("no such file: a.txt")

    context = Context(tmp_path, Runtime())
    stage = make_stage(inputs={"run": make_stage(digests=missing, build=never)}, build=never)
    for look in (context.find, context.why, context.run):
        with pytest.raises(UserError, match=r"no such file: a\.txt"):
            look(stage)


@pytest.mark.parametrize(
    ("manifest", "message"), [("{", "not valid JSON"), ('{"key": "x"}', "another key")]
)
def test_a_spoilt_manifest_is_told(
    run: RunStage, make_stage: MakeStage, tmp_path: Path, manifest: str, message: str
) -> None:
    (run().path / "manifest.json").write_text(manifest)
    with pytest.raises(UserError, match=f"{message}; delete"):
        run()
    with pytest.raises(UserError, match=f"{message}; delete"):
        Context(tmp_path, Runtime()).find(make_stage())


# Provisional folders


class Reading:
    """A stage some of whose questions fail, and the scoring of it, run by run."""

    def __init__(self, make_stage: MakeStage, cache: Path) -> None:
        self._make, self._cache, self.builds = make_stage, cache, list[str]()

    def score(self, failed: int) -> Stage:
        def read(folder: Path, inputs: Inputs) -> dict[str, Any]:
            self.builds.append("read")
            return {"failed": failed}

        def score(folder: Path, inputs: Inputs) -> dict[str, Any]:
            self.builds.append("score")
            return {"wrong": inputs["answers"].manifest["counts"]["failed"]}

        answers = self._make(name="read", slug="nq-llm", build=read)
        return self._make(name="score", slug="nq-llm", inputs={"answers": answers}, build=score)

    def context(self) -> Context:
        time.sleep(0.02)  # file systems tell time by the tick
        return Context(self._cache, Runtime())

    def run(self, failed: int) -> Folder:
        self.builds.clear()
        return self.context().run(self.score(failed))


@pytest.fixture
def reading(make_stage: MakeStage, tmp_path: Path) -> Reading:
    return Reading(make_stage, tmp_path)


def test_what_failed_is_made_again_and_what_was_made_of_it(reading: Reading, log: Log) -> None:
    first = reading.run(failed=2)
    assert reading.builds == ["read", "score"]
    assert first.manifest["provisional"] is True
    log.clear()
    second = reading.run(failed=0)
    assert reading.builds == ["read", "score"]
    assert (second.path, second.manifest["counts"]) == (first.path, {"wrong": 0})
    assert "provisional" not in second.manifest
    read = reading.score(0).inputs["answers"].key
    assert log.messages == [
        f"read: nq-llm-{read} is provisional; 2 failed the last time",
        f"read: building nq-llm-{read}",
        f"score: nq-llm-{second.key} is provisional",
        f"score: building nq-llm-{second.key}",
    ]
    third = reading.run(failed=5)
    assert reading.builds == [], "without failures it stays"
    assert third.reused


def test_what_failed_is_not_found(reading: Reading) -> None:
    score = reading.score(failed=2)
    context = reading.context()
    context.run(score)
    assert context.find(score) is not None, "its own work a process knows"
    later = reading.context()
    assert later.find(score) is later.find(score.inputs["answers"]) is None
    assert later.why(score.inputs["answers"]) == "provisional; 2 failed the last time"
    assert later.why(score) == "provisional"


def test_a_provisional_folder_goes_before_its_place_is_filled(
    reading: Reading, make_stage: MakeStage, tmp_path: Path
) -> None:
    """A kill while it is made again leaves nothing that looks finished."""

    def killed(folder: Path, inputs: Inputs) -> NoReturn:
        raise KeyboardInterrupt

    reading.run(failed=1)
    with pytest.raises(KeyboardInterrupt):
        reading.context().run(make_stage(name="read", slug="nq-llm", build=killed))
    assert [path.name for path in (tmp_path / "read").iterdir() if path.name[0] != "."] == []
    assert not list((tmp_path / "read").glob(".*.discarded"))


@pytest.mark.parametrize("failed", [0, 2])
def test_two_at_once_build_one_folder_though_some_of_it_fails(
    reading: Reading, log: Log, failed: int
) -> None:
    """The other waits, takes what the first made, and scores nothing anew."""
    building, waiting = threading.Event(), threading.Event()
    stage, other = reading.score(failed), reading.score(failed)
    build = stage.inputs["answers"].build

    def slow(folder: Path, inputs: Inputs) -> dict[str, Any]:
        building.set()
        assert waiting.wait(10)
        time.sleep(0.05)
        return build(folder, inputs)

    object.__setattr__(stage.inputs["answers"], "build", slow)
    folders: list[Folder] = []
    contexts = [reading.context(), reading.context()]
    first = threading.Thread(target=lambda: folders.append(contexts[0].run(stage)))
    first.start()
    assert building.wait(10)
    second = threading.Thread(target=lambda: folders.append(contexts[1].run(other)))
    second.start()
    while not any("another process is building read" in line for line in log.messages):
        second.join(0.01)
    waiting.set()
    for thread in (first, second):
        thread.join(10)
    assert reading.builds == ["read", "score"]
    assert folders[0].path == folders[1].path
    note = "; 2 failed the last time" if failed else ""
    key = stage.inputs["answers"].key
    assert f"read: reusing nq-llm-{key}, built by another process{note}" in log.messages
    again = reading.run(failed=0)
    assert reading.builds == (["read", "score"] if failed else [])
    assert again.manifest["counts"] == {"wrong": 0}
