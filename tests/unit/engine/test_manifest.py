from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from qa_bench.engine.manifest import (
    MANIFEST,
    differences,
    newest,
    read_manifest,
    write_manifest,
)
from qa_bench.errors import UserError


def test_what_is_written_is_read(tmp_path: Path) -> None:
    def build() -> dict[str, Any]:
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub" / "é.txt").write_text("abc")
        (tmp_path / "rows-00000.done").write_text("{}")
        return {"rows": 4}

    assert read_manifest(tmp_path, "k") is None
    manifest = write_manifest(
        tmp_path, {"key": "k", "slug": "ü"}, build, {"threads": 7}, provisional=False
    )
    folder = read_manifest(tmp_path, "k")
    assert folder is not None
    assert (folder.path, folder.key, folder.reused) == (tmp_path, "k", True)
    assert folder.manifest == manifest
    assert (manifest["slug"], manifest["counts"]) == ("ü", {"rows": 4})
    assert manifest["runtime"] == {"threads": 7}
    assert list(manifest["outputs"]) == ["sub/é.txt"], "neither itself nor notes about shards"
    assert manifest["wall_s"] >= 0
    assert manifest["peak_rss_mb"] > 1
    assert "provisional" not in manifest


@pytest.mark.parametrize(
    ("counts", "of_provisional", "provisional"),
    [({"failed": 0}, False, False), ({"failed": 1}, False, True), ({}, True, True)],
)
def test_what_is_provisional(
    tmp_path: Path, counts: dict[str, int], of_provisional: bool, provisional: bool
) -> None:
    manifest = write_manifest(tmp_path, {}, lambda: counts, {}, provisional=of_provisional)
    assert manifest.get("provisional", False) is provisional


@pytest.mark.parametrize(
    ("text", "message"), [("{", "not valid JSON"), ('{"key": "x"}', "another key")]
)
def test_a_spoilt_manifest(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(UserError, match=f"{tmp_path.name}.*{message}; delete"):
        read_manifest(tmp_path, "k")


def test_the_newest_of_a_slug(tmp_path: Path) -> None:
    assert newest(tmp_path / "none", "a") is None
    for age, name in enumerate(("a-1", "a-2", "a-b-3", ".a-4.partial", "a-5")):
        (tmp_path / name).mkdir()
        if name != "a-5":  # no manifest: not finished
            (tmp_path / name / MANIFEST).write_text(json.dumps({"key": name}))
            os.utime(tmp_path / name / MANIFEST, (1000 - age, 1000 - age))
    assert newest(tmp_path, "a") == {"key": "a-1"}
    assert newest(tmp_path, "a-b") == {"key": "a-b-3"}
    assert newest(tmp_path, "b") is None
    for spoilt in (b"{", b"[]", b"\xff"):
        (tmp_path / "a-1" / MANIFEST).write_bytes(spoilt)
        assert newest(tmp_path, "a") is None, "why is not known, and no reason to stop"


def test_differences_are_named_by_their_places() -> None:
    old = {"version": 1, "config": {"part": {"k1": 0.9, "b": 0.4}}, "inputs": {"a": "x"}, "x": 1}
    new = {"version": 1, "config": {"part": {"k1": 1.2, "c": None}}, "inputs": {"a": "x"}}
    assert differences(old, new) == "part.b was 0.4, is None; part.k1 was 0.9, is 1.2"
    assert differences(old, old) == ""
    several = {"config": dict.fromkeys("abcde", 1)}
    assert differences({}, several) == f"config was None, is {several['config']}"
    assert differences({"config": dict.fromkeys("abcde", 0)}, several) == (
        "a was 0, is 1; b was 0, is 1; c was 0, is 1 and 2 more"
    )
