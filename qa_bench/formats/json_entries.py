"""The entries of one JSON document, list or object, decoded as the file is read."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple

from qa_bench.errors import DataError
from qa_bench.formats.lines import BLOCK, BOM, LINE_LIMIT, not_utf8, read_blocks

_SPACE = " \t\r\n"
_DECODER = json.JSONDecoder()


class Entry(NamedTuple):
    """One entry: its name in an object, None in a list; its value; the line on which it begins."""

    name: str | None
    value: Any
    line: int


class JsonEntries:
    """What a JSON document of any size holds, one entry at a time; plain or compressed."""

    def __init__(self, path: Path, decoder: json.JSONDecoder = _DECODER) -> None:
        """Read as far as the bracket that opens.

        Args:
            path: the file.
            decoder: what makes values of JSON, such as numbers that know how they were written.

        Raises:
            DataError: neither a list nor an object.
        """
        self._path, self._line, self._pieces = path, 1, _pieces(path)
        self._decode = decoder.raw_decode
        self._buffer = ""
        self.kind: Literal["list", "object", ""] = ""
        self._need()
        opening = self._buffer[0]
        if opening not in "[{":
            raise DataError("expected a JSON list or object", path, self._line)
        self.kind = "list" if opening == "[" else "object"
        self._close = "]" if opening == "[" else "}"
        self._take(1)

    def __iter__(self) -> Iterator[Entry]:
        """The entries, in order; a name twice is given twice.

        Raises:
            DataError: not JSON, cut off, nested too deeply, an entry of more than ``LINE_LIMIT``
                characters, bytes that are not UTF-8, half a surrogate pair.
        """
        self._need()
        first = True
        while self._buffer[0] != self._close:
            if not first:
                self._expect(",", "a comma")
                self._need()
            first = False
            name = None
            line = self._line
            if self.kind == "object":
                name = self._value()
                if not isinstance(name, str):
                    raise DataError("not JSON (a name must be text)", self._path, line)
                self._need()
                self._expect(":", "a colon")
                self._need()
            yield Entry(name, self._value(), line)
            self._need()
        rest = self._buffer[1:].strip(_SPACE)
        if rest or any(piece.strip(_SPACE) for piece in self._pieces):
            raise DataError(f"something follows the end of the {self.kind}", self._path)

    def _expect(self, mark: str, name: str) -> None:
        if self._buffer[0] != mark:
            start = self._buffer[:40]
            raise DataError(f"not JSON (expected {name} before {start!r})", self._path, self._line)
        self._take(1)

    def _take(self, end: int) -> None:
        self._line += self._buffer.count("\n", 0, end)
        self._buffer = self._buffer[end:]

    def _need(self) -> None:
        """Go on to what is no white space."""
        while True:
            stripped = self._buffer.lstrip(_SPACE)
            self._take(len(self._buffer) - len(stripped))
            if self._buffer:
                return
            self._buffer = next(self._pieces, "")
            if not self._buffer:
                raise DataError(self._cut_off(), self._path, self._line)

    def _cut_off(self) -> str:
        return f"cut off: the {self.kind} does not end" if self.kind else "empty"

    def _value(self) -> Any:
        while True:
            try:
                value, end = self._decode(self._buffer)
                # A number at the end of what was read may go on, as "1" in "1e-" does.
                whole = not isinstance(value, int | float) or end < len(self._buffer) - 2
                if whole or not self._more():
                    break
            except RecursionError:
                raise DataError("JSON nested too deeply", self._path, self._line) from None
            except ValueError as error:
                if not self._more():
                    message = str(error).partition(": line")[0]
                    raise DataError(
                        f"not JSON, or cut off ({message})", self._path, self._line
                    ) from None
        self._check_surrogates(value, end)
        self._take(end)
        return value

    def _more(self) -> bool:
        """As much again as there is, so that a long entry is not decoded all too often."""
        more = "".join(islice(self._pieces, 1 + len(self._buffer) // BLOCK))
        self._buffer += more
        if len(self._buffer) > LINE_LIMIT and more:
            raise DataError(
                f"not JSON, or an entry of more than {LINE_LIMIT >> 20} MiB", self._path, self._line
            )
        return bool(more)

    def _check_surrogates(self, value: Any, end: int) -> None:
        if self._buffer.find("\\ud", 0, end) < 0 and self._buffer.find("\\uD", 0, end) < 0:
            return
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise DataError(
                "holds half a surrogate pair (\\ud800 to \\udfff)", self._path, self._line
            ) from None


def _pieces(path: Path) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    first, beginning = True, b""
    try:
        for block in read_blocks(path):
            beginning = beginning or block[:8]
            text = decoder.decode(block)
            if first and text:
                text, first = text.removeprefix(BOM), False
            if text:
                yield text
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise DataError(not_utf8(error, beginning), path) from None
