"""A note of which files a split of the hub is made of, damaged: one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qa_bench.errors import DataError
from qa_bench.fetch.hub import _content_of

GOOD = {
    "repository": "some/set",
    "commit": "0" * 40,
    "format": "parquet",
    "files": [{"path": "a.parquet", "bytes": 3}, {"path": "b.parquet", "bytes": None}],
}


def test_a_note(tmp_path: Path) -> None:
    note = tmp_path / "note.json"
    note.write_text(json.dumps(GOOD))
    assert _content_of(note) == GOOD


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"[]", b"\xff", b"3", b"[" * 100_000),
        *(json.dumps({**GOOD, name: None}).encode() for name in GOOD),
        json.dumps({**GOOD, "files": [{"path": "a"}]}).encode(),
        json.dumps({**GOOD, "files": [{"path": 1, "bytes": 1}]}).encode(),
        json.dumps({**GOOD, "files": [{"path": "a", "bytes": "big"}]}).encode(),
    ],
)
def test_a_damaged_note(tmp_path: Path, content: bytes) -> None:
    note = tmp_path / "note.json"
    note.write_bytes(content)
    with pytest.raises(DataError, match=r"note\.json: a damaged note of a set on the hub"):
        _content_of(note)
