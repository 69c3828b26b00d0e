from __future__ import annotations

import bz2
import gzip
import json
import lzma
import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qa_bench.errors import DataError
from qa_bench.formats import lines
from qa_bench.formats.json_entries import JsonEntries
from qa_bench.formats.lines import (
    parse_json,
    read_json_lines,
    read_lines,
    read_whole,
    text_field,
)

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lambda data: lzma.compress(data, preset=0),
}


def lines_until_error(path: Path) -> tuple[list[tuple[int, str]], DataError]:
    read: list[tuple[int, str]] = []
    with pytest.raises(DataError) as caught:
        read.extend(read_lines(path))
    return read, caught.value


@pytest.mark.parametrize("suffix", COMPRESS)
def test_lines_are_numbered_from_one(tmp_path: Path, suffix: str):
    path = tmp_path / f"lines.txt{suffix}"
    path.write_bytes(COMPRESS[suffix]("erste\n\nZürich, 東京".encode()))
    assert list(read_lines(path)) == [(1, "erste\n"), (2, "\n"), (3, "Zürich, 東京")]
    assert read_whole(path) == "erste\n\nZürich, 東京"


def test_two_gzip_members_are_one_file(tmp_path: Path):
    path = tmp_path / "lines.gz"
    path.write_bytes(gzip.compress(b"one\n", mtime=0) + gzip.compress(b"two\n"))
    assert list(read_lines(path)) == [(1, "one\n"), (2, "two\n")]


def test_an_empty_file_has_no_lines(tmp_path: Path):
    path = tmp_path / "empty.txt"
    path.touch()
    assert list(read_lines(path)) == []


@pytest.mark.parametrize(
    "mark", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1e", "\r"], ids=ascii
)
def test_only_a_line_feed_ends_a_line(tmp_path: Path, mark: str):
    path = tmp_path / "lines.txt"
    path.write_bytes(f"one{mark}still one\ntwo\n".encode())
    assert list(read_lines(path)) == [(1, f"one{mark}still one\n"), (2, "two\n")]


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz"])
def test_a_truncated_file_is_told_with_its_line(tmp_path: Path, suffix: str):
    rows = [f"{number} {number**7 % 1_000_003}\n" for number in range(1, 120_001)]
    path = tmp_path / f"lines.txt{suffix}"
    whole = COMPRESS[suffix]("".join(rows).encode())
    path.write_bytes(whole[: len(whole) * 3 // 4])
    read, error = lines_until_error(path)
    assert read == list(enumerate(rows[: len(read)], 1))
    assert 1000 < len(read) < len(rows)
    assert (error.path, error.line) == (str(path), len(read) + 1)
    assert str(error).startswith(f"{path}:{len(read) + 1}: corrupt or truncated file")
    assert "\n" not in str(error)


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz"])
def test_a_file_that_is_not_compressed_at_all(tmp_path: Path, suffix: str):
    path = tmp_path / f"lines.txt{suffix}"
    path.write_bytes(b"plain text\n" * 10)
    read, error = lines_until_error(path)
    assert read == []
    assert (error.path, error.line) == (str(path), 1)


def test_a_wrong_checksum_is_noticed(tmp_path: Path):
    path = tmp_path / "lines.gz"
    packed = bytearray(gzip.compress(b"one\ntwo\n", mtime=0))
    packed[-8] ^= 1
    path.write_bytes(packed)
    _, error = lines_until_error(path)
    assert "CRC" in str(error)


@pytest.mark.parametrize("suffix", COMPRESS)
def test_bad_utf8_is_told_with_its_line(tmp_path: Path, suffix: str):
    path = tmp_path / f"lines.txt{suffix}"
    path.write_bytes(COMPRESS[suffix]("gut\nmit \u2028 Bruch\n".encode() + b"bad \xff\nmore\n"))
    read, error = lines_until_error(path)
    assert [number for number, _ in read] == [1, 2]
    assert (error.path, error.line) == (str(path), 3)
    assert (
        str(error) == f"{path}:3: not UTF-8 (invalid start byte): in Latin-1 or another "
        "encoding: save it as UTF-8"
    )


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (gzip.compress(b"text", mtime=0), "packed by gzip: its name must end in .gz"),
        ("q1 Käse".encode("utf-16"), "UTF-16: save it as UTF-8"),
        (b"PK\x03\x04\xff\xff", "a zip file, or a spreadsheet"),
        ("Käse".encode("latin-1"), "in Latin-1 or another encoding"),
    ],
)
@pytest.mark.parametrize("reader", [read_lines, JsonEntries])
def test_what_a_file_is_that_is_no_utf8(tmp_path: Path, data: bytes, what: str, reader: Any):
    path = tmp_path / "lines.txt"
    path.write_bytes(data)
    with pytest.raises(DataError, match=re.escape(what)):
        list(reader(path))


def test_a_missing_file_and_a_folder(tmp_path: Path):
    missing = tmp_path / "missing.txt"
    assert str(lines_until_error(missing)[1]) == f"{missing}: no such file"
    folder = tmp_path / "folder.jsonl"
    folder.mkdir()
    assert str(lines_until_error(folder)[1]).startswith(f"{folder}: cannot be opened")


def test_json_lines_skip_empty_ones_and_keep_count(tmp_path: Path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n\n  \n{"b": "\u2028"}\r\n', encoding="utf-8")
    assert list(read_json_lines(path)) == [(1, {"a": 1}), (4, {"b": "\u2028"})]


def test_a_whole_surrogate_pair_is_one_character(tmp_path: Path):
    path = tmp_path / "rows.jsonl"
    path.write_text(r'{"a": "\ud83d\ude00", "b": "\\ud800"}')
    assert list(read_json_lines(path)) == [(1, {"a": "\U0001f600", "b": r"\ud800"})]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"a": ', "not JSON"),
        ("[1, 2]", "expected a JSON object, found list"),
        ('"text"', "expected a JSON object, found str"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "JSON nested too deeply"),
        (r'{"a": "\ud800"}', "half a surrogate pair"),
        (r'{"a": "x\uDFFF"}', "half a surrogate pair"),
    ],
)
def test_a_line_that_is_no_json_object(tmp_path: Path, line: str, message: str):
    path = tmp_path / "rows.jsonl"
    path.write_text(f'{{"a": 1}}\n{line}\n')
    with pytest.raises(DataError, match=message) as caught:
        list(read_json_lines(path))
    assert caught.value.line == 2


def test_a_text_field_may_be_an_integer(tmp_path: Path):
    row = {"text": "t", "number": 12, "negative": -3}
    assert [text_field(row, name, tmp_path, 1) for name in row] == ["t", "12", "-3"]


@pytest.mark.parametrize(
    ("value", "found"), [(None, "nothing"), (True, "bool"), (1.5, "float"), (["a"], "list")]
)
def test_a_text_field_of_another_type(tmp_path: Path, value: object, found: str):
    with pytest.raises(DataError, match=f"field 'id' must be text, found {found}") as caught:
        text_field({"id": value}, "id", tmp_path / "rows.jsonl", 7)
    assert caught.value.line == 7
    with pytest.raises(DataError, match="field 'id' must be text, found nothing"):
        text_field({}, "id", tmp_path / "rows.jsonl", 7)


@pytest.mark.parametrize("suffix", COMPRESS)
def test_the_byte_order_mark_is_no_text(tmp_path: Path, suffix: str):
    path = tmp_path / f"rows.jsonl{suffix}"
    path.write_bytes(COMPRESS[suffix]('\ufeff{"a": "\ufeff"}\n\ufeffx\n'.encode()))
    assert list(read_lines(path)) == [(1, '{"a": "\ufeff"}\n'), (2, "\ufeffx\n")]
    assert read_whole(path) == '{"a": "\ufeff"}\n\ufeffx\n'


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize("reader", [read_lines, read_json_lines])
def test_a_line_has_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, reader: Callable[..., Any]
):
    monkeypatch.setattr(lines, "LINE_LIMIT", 1 << 16)
    monkeypatch.setattr(lines, "BLOCK", 1 << 12)
    path = tmp_path / f"bomb{suffix}"
    path.write_bytes(COMPRESS[suffix](b"{}\n" + b" " * (1 << 24)))
    peak: int
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=r":2: a line of more than"):
            list(reader(path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1 << 22


@pytest.mark.parametrize("suffix", COMPRESS)
def test_a_document_in_one_piece_has_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
):
    monkeypatch.setattr(lines, "WHOLE_LIMIT", 1 << 16)
    path = tmp_path / f"bomb{suffix}"
    path.write_bytes(COMPRESS[suffix](b"\n" * (1 << 20)))
    with pytest.raises(DataError, match=r"more than .* in one piece"):
        read_whole(path)


def test_lines_longer_than_a_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lines, "BLOCK", 7)
    path = tmp_path / "lines.txt"
    rows = ["é" * number + "\n" for number in range(20)] + ["end"]
    path.write_text("".join(rows), encoding="utf-8")
    assert list(read_lines(path)) == list(enumerate(rows, 1))
    path.write_bytes("".join(rows).encode() + b"\n" + b"x" * 30 + b"\xff")
    read, error = lines_until_error(path)
    assert (len(read), error.line) == (21, 22)


def test_no_memory_is_told(tmp_path: Path):
    class Small(json.JSONDecoder):
        def decode(self, *_: Any) -> Any:
            raise MemoryError

    with pytest.raises(DataError, match="too large for this machine's memory"):
        parse_json("{}", tmp_path / "a.json", None, Small())
