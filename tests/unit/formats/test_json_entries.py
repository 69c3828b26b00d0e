from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from qa_bench.errors import DataError
from qa_bench.formats import json_entries, lines
from qa_bench.formats.json_entries import JsonEntries


def read(path: Path, text: str) -> list[tuple[Any, ...]]:
    path.write_text(text, encoding="utf-8")
    return [tuple(entry) for entry in JsonEntries(path)]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1 << 20])
def test_lists_and_objects_in_any_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
):
    monkeypatch.setattr(lines, "BLOCK", size)
    path = tmp_path / "a.json"
    assert read(path, '\ufeff [1984, -3.25,\n\n["é"] , {}]\n ') == [
        (None, 1984, 1),
        (None, -3.25, 1),
        (None, ["é"], 3),
        (None, {}, 3),
    ]
    assert read(path, '{"a": 12345 ,\n"a":null,"b" : "x"}') == [
        ("a", 12345, 1),
        ("a", None, 2),
        ("b", "x", 2),
    ]
    assert read(path, "[]") == read(path, " {\n} ") == []
    assert JsonEntries(path).kind == "object"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ":1: empty"),
        (" \n ", ":2: empty"),
        ("1", ":1: expected a JSON list or object"),
        ("[", "cut off: the list does not end"),
        ('{"a": 1', "cut off: the object does not end"),
        ('{"a" 1}', "expected a colon"),
        ("{1: 2}", "a name must be text"),
        ("[1 2]", "expected a comma"),
        ("[1,]", "not JSON, or cut off"),
        ("[\n[1,\n", ":2: not JSON, or cut off"),
        ("[1] 2", "something follows the end of the list"),
        ("[" * 100_000, "nested too deeply"),
        ('["\\ud800"]', "half a surrogate pair"),
        ("[" + "9" * 5000 + "]", "not JSON, or cut off"),
    ],
)
def test_what_is_wrong(tmp_path: Path, text: str, message: str):
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path / "a.json", text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ['["x', "[" + " " * 10 + '{"a": "x', "[1"])
def test_an_entry_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str):
    for module in (lines, json_entries):
        monkeypatch.setattr(module, "LINE_LIMIT", 1 << 14)
        monkeypatch.setattr(module, "BLOCK", 1 << 12)
    path = tmp_path / "a.json.gz"
    filling = "1" if text == "[1" else "x"
    path.write_bytes(gzip.compress((text + filling * (1 << 22)).encode()))
    with pytest.raises(DataError, match="not JSON, or an entry of more than"):
        list(JsonEntries(path))


def test_white_space_without_end_is_no_memory(tmp_path: Path):
    path = tmp_path / "a.json"
    rows = [{"n": number} for number in range(3000)]
    path.write_text(json.dumps(rows, indent=8))
    assert [value for _, value, _ in JsonEntries(path)] == rows
