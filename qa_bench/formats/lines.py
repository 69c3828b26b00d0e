"""Text files line by line: plain, .gz, .bz2 or .xz, with errors that name the line."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, cast

from qa_bench.errors import DataError

_OPENERS: dict[str, Callable[..., Any]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
}
_CORRUPT = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, OSError)


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


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    r"""(line number from 1, line with its "\n") pairs; only "\n" ends a line.

    Raises:
        DataError: missing, truncated or corrupt file, or bytes that are not UTF-8.
    """
    number = 0
    with open_bytes(path) as file:
        lines = iter(file)
        while True:
            try:
                line = next(lines, None)
            except _CORRUPT as error:
                raise DataError(f"corrupt or truncated file ({error})", path, number + 1) from error
            if line is None:
                return
            number += 1
            try:
                yield number, line.decode("utf-8")
            except UnicodeDecodeError as error:
                raise DataError(f"not UTF-8 ({error.reason})", path, number) from error


def read_whole(path: Path) -> str:
    """The whole file as text.

    Raises:
        DataError: as ``read_lines``.
    """
    return "".join(line for _, line in read_lines(path))


def read_json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) pairs of a JSON Lines file; empty lines are skipped.

    Raises:
        DataError: as ``read_lines``, or a line that is not a JSON object.
    """
    for number, line in read_lines(path):
        if not line.strip():
            continue
        yield number, _object(line, path, number)


def _object(line: str, path: Path, number: int) -> dict[str, Any]:
    value = parse_json(line, path, number)
    if not isinstance(value, dict):
        raise DataError(f"expected a JSON object, found {type(value).__name__}", path, number)
    return value


def parse_json(text: str, path: Path, line: int | None = None, **options: Any) -> Any:
    """``json.loads`` with errors that name the place.

    Raises:
        DataError: not JSON, nested too deeply, or half a surrogate pair, which is no text.
    """
    try:
        value = json.loads(text, **options)
        if "\\ud" in text or "\\uD" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise DataError("holds half a surrogate pair (\\ud800 to \\udfff)", path, line) from None
    except RecursionError:
        raise DataError("JSON nested too deeply", path, line) from None
    except ValueError as error:
        raise DataError(f"not JSON ({error})", path, line) from None
    return value


def text_field(row: dict[str, Any], name: str, path: Path, number: int) -> str:
    """A row's string field; numbers are taken as their decimal text.

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
