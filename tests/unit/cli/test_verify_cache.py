from __future__ import annotations

import json
from pathlib import Path

import pytest

from qa_bench.cli.verify_cache import verify_cache
from qa_bench.engine.context import Context
from qa_bench.engine.stage import Stage
from qa_bench.types import Runtime, Step


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Two finished stages, one that is not, and what else lies in a cache."""

    def build(folder: Path, inputs: object) -> dict[str, int]:
        (folder / "data.bin").write_bytes(bytes(5000))
        return {}

    context = Context(tmp_path / "cache", Runtime())
    for name in ("chunk", "index"):
        plan = lambda load: Step("x", 0, 0, "")  # noqa: E731
        context.run(Stage(name, 1, "sample", {}, {}, dict, build, plan))
    (tmp_path / "cache" / "index" / ".sample-0123456789abcdef.partial").mkdir()
    (tmp_path / "cache" / "hydra" / "notes").mkdir(parents=True)
    (tmp_path / "cache" / "file-digests.json").write_text("{}")
    return tmp_path / "cache"


def test_all_is_whole(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify_cache([f"paths.cache={cache}"]) == 0
    told = capsys.readouterr()
    assert (told.out, told.err) == (f"{cache}: 2 of 2 folders are whole (0.00 GB read)\n", "")


def test_every_damaged_folder_has_its_line(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (chunk,), (index,) = cache.glob("chunk/[!.]*"), cache.glob("index/[!.]*")
    (chunk / "data.bin").write_bytes(bytes(4999) + b"1")
    (index / "manifest.json").unlink()
    assert verify_cache([f"paths.cache={cache}"]) == 2
    told = capsys.readouterr()
    assert told.out == f"{cache}: 0 of 2 folders are whole (0.00 GB read)\n"
    assert told.err.splitlines() == [
        f"qa-bench: error: {chunk}/data.bin: damaged, other content than was written; "
        f"delete {chunk} to rebuild it",
        f"qa-bench: error: {index}/manifest.json: damaged, missing; delete {index} to rebuild it",
    ]


@pytest.mark.parametrize("spoil", ["{", "[]", '{"key": 1}', '{"outputs": {"a": 1}}', "\udcff"])
def test_a_spoilt_manifest(spoil: str, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (index,) = cache.glob("index/[!.]*")
    (index / "manifest.json").write_bytes(spoil.encode(errors="surrogateescape"))
    assert verify_cache([f"paths.cache={cache}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{index}" in line
    assert "delete" in line


def test_a_manifest_of_other_figures(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (index,) = cache.glob("index/[!.]*")
    manifest = json.loads((index / "manifest.json").read_text())
    manifest["counts"] = {"means": {"em": 1.0}}
    (index / "manifest.json").write_text(json.dumps(manifest))
    assert verify_cache([f"paths.cache={cache}"]) == 2
    assert "manifest.json: damaged, other content" in capsys.readouterr().err


def test_nothing_there_help_and_slips(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify_cache([f"paths.cache={tmp_path}"]) == 0
    assert "there is no finished stage" in capsys.readouterr().out
    assert verify_cache(["--help"]) == 0
    assert "paths.cache=FOLDER" in capsys.readouterr().out
    assert verify_cache(["path.cache=x"]) == 2
    assert "path" in capsys.readouterr().err
