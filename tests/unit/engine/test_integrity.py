"""What is not as it was written is refused, whichever file it is and however it came about."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import pytest
import xxhash

from qa_bench.engine import integrity
from qa_bench.engine.context import Context
from qa_bench.engine.integrity import damage, hidden_damage
from qa_bench.engine.stage import Stage
from qa_bench.errors import DataError, UserError
from qa_bench.types import Folder, Runtime

Inputs = Mapping[str, Folder]


def never(*_: Any) -> NoReturn:
    raise AssertionError("built")


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"x")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES = {
    "missing": lambda path: path.unlink(),
    "3 bytes instead of 4": lambda path: os.truncate(path, 3),
    "0 bytes instead of 4": lambda path: os.truncate(path, 0),
    "5 bytes instead of 4": append,
    "other content": flip,
    "other content ": lambda path: path.write_bytes(bytes(4)),
    "missing ": folder_instead,
}


@pytest.mark.parametrize("what", DAMAGES)
def test_a_damaged_file_is_refused_wherever_it_is_looked_for(
    what: str, make_stage: Callable[..., Stage], run: Callable[..., Folder], tmp_path: Path
) -> None:
    folder = run().path
    DAMAGES[what](folder / "out" / "data.txt")
    told = rf"search/nq-bm25-\w+/out/data.txt: damaged, {what.strip()}.*; delete {folder} to"
    for look in (run, lambda build: Context(tmp_path, Runtime()).find(make_stage(build=build))):
        with pytest.raises(UserError, match=told) as caught:
            look(build=never)
        assert "\n" not in str(caught.value)


def test_small_files_are_hashed_and_large_ones_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = {"a": b"12345", "b": b"1", "c": b"123"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    outputs = {
        name: {"bytes": len(content), "xxh3": xxhash.xxh3_128_hexdigest(content)}
        for name, content in contents.items()
    }
    monkeypatch.setattr(integrity, "HASHED_BYTES", 4)
    assert damage(tmp_path, outputs) is None
    read: list[int] = []
    assert hidden_damage(tmp_path, outputs, update=read.append) is None
    assert read == [1, 3, 5]
    (tmp_path / "a").write_bytes(b"54321")
    assert damage(tmp_path, outputs) is None
    assert "a: damaged, other content" in str(hidden_damage(tmp_path, outputs))
    assert hidden_damage(tmp_path, outputs, limit=4) is None
    (tmp_path / "c").write_bytes(b"321")
    assert "c: damaged, other content" in str(damage(tmp_path, outputs))


@pytest.mark.parametrize("outputs", [None, {"a": 1}, {"a": {"bytes": "x", "xxh3": ""}}, {"a": {}}])
def test_a_manifest_without_a_list_of_files(outputs: Any, tmp_path: Path) -> None:
    assert "no list of files; delete" in str(damage(tmp_path, outputs))


@pytest.mark.parametrize("at", range(0, 600, 37))
def test_a_flipped_byte_of_a_manifest_is_refused_or_changes_nothing(
    at: int, run: Callable[..., Folder]
) -> None:
    """The means of a score are in its manifest: they are what tables show."""
    folder = run(build=lambda folder, inputs: {"means": {"em": 0.4321}})
    path = folder.path / "manifest.json"
    content = bytearray(path.read_bytes())
    content[at % len(content)] ^= 1
    path.write_bytes(content)
    told = ""
    try:
        manifest = run(build=never).manifest
    except UserError as error:
        told = str(error)
    if told:
        assert f"delete {folder.path}" in told or "delete the folder" in told
    else:
        assert json.loads(content) == folder.manifest == manifest


def test_an_older_manifest_has_no_seal(run: Callable[..., Folder]) -> None:
    folder = run()
    del folder.manifest["xxh3"]
    (folder.path / "manifest.json").write_text(json.dumps(folder.manifest))
    assert run(build=never).reused


# What goes in


@pytest.mark.parametrize("how", ["content", "touched", "replaced", "gone"])
def test_what_changes_meanwhile_ends_the_build(
    how: str, make_stage: Callable[..., Stage], tmp_path: Path
) -> None:
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("alpha")
    context = Context(tmp_path / "cache", Runtime())

    def build(folder: Path, inputs: Inputs) -> dict[str, Any]:
        (folder / "out").write_text(corpus.read_text())
        if how == "content":
            stat = corpus.stat()
            corpus.write_text("gamma")
            os.utime(corpus, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        elif how == "touched":
            os.utime(corpus, (1, 1))
        elif how == "replaced":
            (tmp_path / "other").write_text("alpha")
            (tmp_path / "other").replace(corpus)
        else:
            corpus.unlink()
        return {}

    def digests() -> dict[str, str]:
        return {"file": context.digests.of([corpus])[0]}

    with pytest.raises(UserError, match=r"corpus\.txt: changed while search was at work"):
        context.run(make_stage(digests=digests, build=build))
    left = [path.name for path in (tmp_path / "cache" / "search").iterdir()]
    assert [name for name in left if not name.endswith(".lock")] == []


# Damage that a reader meets


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (DataError("not a readable Arrow file", "x"), True),
        (RuntimeError("Error in faiss::read_index"), True),
        (UserError("3 hits name passages that the corpus lacks"), True),
        (KeyboardInterrupt(), False),
    ],
)
@pytest.mark.parametrize("damaged", [True, False])
def test_an_error_of_a_reader_is_told_as_the_damage_it_comes_of(
    error: BaseException,
    line: bool,
    damaged: bool,
    make_stage: Callable[..., Stage],
    tmp_path: Path,
) -> None:
    first = make_stage(name="index")
    context = Context(tmp_path, Runtime())
    index = context.run(first).path

    def read(folder: Path, inputs: Inputs) -> NoReturn:
        if damaged:  # after it was looked at
            flip(index / "out" / "data.txt")
        raise error

    with pytest.raises(BaseException) as caught:  # noqa: PT011
        context.run(make_stage(inputs={"index": first}, build=read))
    if damaged and line:
        assert f"delete {index} to rebuild it" in str(caught.value)
        assert isinstance(caught.value, UserError)
    else:
        assert caught.value is error
    with pytest.raises(BaseException) as caught, context.watching():  # noqa: PT011
        raise error
    assert (caught.value is error) is not (damaged and line)


@pytest.mark.parametrize(
    ("error", "whole"),
    [
        (DataError("not a readable Arrow file", "INDEX/out/data.txt"), True),
        (RuntimeError("Error in faiss::read_index"), True),
        (DataError("expected 6 columns", "run.trec"), False),
        (UserError("depth: a whole number >= 1"), False),
    ],
)
def test_a_large_folder_is_read_again_for_no_slip_of_the_users(
    error: Exception,
    whole: bool,
    make_stage: Callable[..., Stage],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("qa_bench.engine.context._READ_FOR_OTHER_ERRORS", 1)
    context = Context(tmp_path, Runtime())
    index = context.run(make_stage(name="index")).path
    flip(index / "out" / "data.txt")
    if isinstance(error, DataError):
        error = DataError("bad", error.path.replace("INDEX", str(index)))
    with pytest.raises(UserError if whole else type(error)) as caught, context.watching():
        raise error
    assert (f"delete {index} to rebuild it" in str(caught.value)) is whole


def test_a_broken_pipe_is_no_damage(make_stage: Callable[..., Stage], tmp_path: Path) -> None:
    context = Context(tmp_path, Runtime())
    index = context.run(make_stage(name="index")).path
    flip(index / "out" / "data.txt")
    with pytest.raises(BrokenPipeError), context.watching():
        raise BrokenPipeError
