"""Text files line by line: plain, .gz, .bz2 or .xz, with errors that name the line."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, cast

from qa_bench.errors import DataError

LINE_LIMIT = 1 << 26
"""Bytes that one line, or one entry of a JSON document, may have: unpacked, 64 MiB."""
WHOLE_LIMIT = 1 << 30
"""Bytes that a JSON document read in one piece may have: unpacked, 1 GiB."""
BLOCK = 1 << 20
CORRUPT = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, OSError)
"""What reading a file raises that is damaged or cut off."""
BOM = "\ufeff"
"""At the start of a file it is a signature and no part of the text (RFC 3629, section 6)."""

_OPENERS: dict[str, Callable[..., Any]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
}
_DECODER = json.JSONDecoder()

csv.field_size_limit(LINE_LIMIT)  # the process' only one: a quote that never closes ends there


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file for reading, decompressing by its suffix.

    Raises:
        DataError: it is not there or may not be read.
    """
    try:
        return cast(IO[bytes], _OPENERS.get(path.suffix, io.open)(path, "rb"))
    except FileNotFoundError:
        raise DataError("no such file", path) from None
    except OSError as error:
        raise DataError(f"cannot be opened ({error.strerror})", path) from error


def read_blocks(path: Path) -> Iterator[bytes]:
    """The file's bytes, unpacked, as they come: some a block, never more than 1 MiB.

    Raises:
        DataError: missing, truncated or corrupt file.
    """
    try:
        yield from _blocks(path)
    except CORRUPT as error:
        raise DataError(f"corrupt or truncated file ({error})", path) from error


def _blocks(path: Path) -> Iterator[bytes]:
    with open_bytes(path) as file:
        read = file.read1  # type: ignore[attr-defined]  # gives what stands before a damage
        while block := read(BLOCK):
            yield block


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    r"""(line number from 1, line with its "\n") pairs; only "\n" ends a line.

    Raises:
        DataError: missing, truncated or corrupt file, bytes that are not UTF-8, or a line of more
            than ``LINE_LIMIT`` bytes.
    """
    number, rest, size = 0, [b""], 0
    blocks = _blocks(path)
    while True:
        try:
            block = next(blocks, b"")
        except CORRUPT as error:
            raise DataError(f"corrupt or truncated file ({error})", path, number + 1) from error
        if not block:
            break
        cut = block.rfind(b"\n") + 1
        if cut:
            for line in _decoded(b"".join([*rest, block[:cut]]), path, number):
                number += 1
                yield number, line
            rest, size = [block[cut:]], len(block) - cut
        else:
            rest.append(block)
            size += len(block)
        if size > LINE_LIMIT:
            raise DataError(f"a line of more than {LINE_LIMIT >> 20} MiB", path, number + 1)
    if size:
        for line in _decoded(b"".join(rest), path, number):
            yield number + 1, line


def _decoded(data: bytes, path: Path, number: int) -> Iterator[str]:
    """Whole lines as text; ``number`` lines are before them."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        good = data.rfind(b"\n", 0, error.start) + 1
        yield from _decoded(data[:good], path, number)
        at = number + data.count(b"\n", 0, good) + 1
        raise DataError(not_utf8(error, data if not number else b""), path, at) from error
    if not number and text.startswith(BOM):
        text = text[1:]
    lines = text.split("\n")
    last = lines.pop()
    for line in lines:
        yield line + "\n"
    if last:
        yield last


_BEGINNINGS = (
    (b"\x1f\x8b", "packed by gzip: its name must end in .gz"),
    (b"BZh", "packed by bzip2: its name must end in .bz2"),
    (b"\xfd7zXZ\x00", "packed by xz: its name must end in .xz"),
    (b"\x28\xb5\x2f\xfd", "packed by zstd: unpack it"),
    (b"PK\x03\x04", "a zip file, or a spreadsheet: unpack it, or save it as CSV"),
    (b"PAR1", "a Parquet file: its name must end in .parquet"),
    (b"\xff\xfe", "UTF-16: save it as UTF-8"),
    (b"\xfe\xff", "UTF-16: save it as UTF-8"),
)
"""How files begin that are not text in UTF-8, and what to do."""


def not_utf8(error: UnicodeDecodeError, beginning: bytes) -> str:
    """What to say of bytes that are no UTF-8.

    Args:
        error: what Python says.
        beginning: the file's first bytes; empty where they are not at hand.
    """
    known = (what for begin, what in _BEGINNINGS if beginning.startswith(begin))
    what = next(known, "in Latin-1 or another encoding: save it as UTF-8")
    return f"not UTF-8 ({error.reason}): {what}"


def read_whole(path: Path) -> str:
    """The whole file as text.

    Raises:
        DataError: as ``read_lines``, or it has more than ``WHOLE_LIMIT`` bytes.
    """
    blocks, size = [], 0
    for block in read_blocks(path):
        blocks.append(block)
        size += len(block)
        if size > WHOLE_LIMIT:
            raise DataError(f"more than {WHOLE_LIMIT >> 30} GiB in one piece", path)
    return "".join(_decoded(b"".join(blocks), path, 0))


def read_json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) pairs of a JSON Lines file; empty lines are skipped.

    Raises:
        DataError: as ``read_lines``, or a line that is not a JSON object.
    """
    for number, line in read_lines(path):
        if line.strip():
            yield number, json_object(line, path, number)


def json_object(
    line: str, path: Path, number: int, decoder: json.JSONDecoder = _DECODER
) -> dict[str, Any]:
    """The JSON object that a line holds.

    Raises:
        DataError: it holds something else.
    """
    value = parse_json(line, path, number, decoder)
    if not isinstance(value, dict):
        raise DataError(f"expected a JSON object, found {type(value).__name__}", path, number)
    return value


def parse_json(
    text: str, path: Path, line: int | None = None, decoder: json.JSONDecoder = _DECODER
) -> Any:
    """``json.loads`` with errors that name the place.

    Raises:
        DataError: not JSON, nested too deeply, too large for the memory, or half a surrogate
            pair, which is no text.
    """
    try:
        value = decoder.decode(text)
        if "\\ud" in text or "\\uD" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise DataError("holds half a surrogate pair (\\ud800 to \\udfff)", path, line) from None
    except RecursionError:
        raise DataError("JSON nested too deeply", path, line) from None
    except MemoryError:
        raise DataError("too large for this machine's memory", path, line) from None
    except ValueError as error:
        raise DataError(f"not JSON ({error})", path, line) from None
    return value


def text_field(row: dict[str, Any], name: str, path: Path, number: int | None) -> str:
    """A row's string field; whole numbers are taken as their decimal text.

    Raises:
        DataError: it is missing or something else.
    """
    value = row.get(name)
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    kind = "nothing" if value is None else type(value).__name__
    raise DataError(f"field '{name}' must be text, found {kind}", path, number)
