"""A .bz2 file read on several cores: its blocks, of 900 kB each, are packed independently.

Blocks begin with a magic number at any bit; each is given a header and an end and unpacked as a
file of its own. Where that fails (damage, or the number stands in the data by chance, which 20 GB
do once in a thousand times) the file is read on in the plain way, which tells what is wrong.
"""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, cast

_BLOCK, _END = 0x314159265359, 0x177245385090
_BITS = 48
_READ = 1 << 20


def read_bz2(path: Path, workers: int) -> Iterator[bytes]:
    """The unpacked bytes, in pieces, in order.

    Raises:
        OSError: the file is damaged.
        EOFError: the file is truncated.
    """
    position = 0
    if workers > 1:
        try:
            for piece in _side_by_side(path, workers):
                position += len(piece)
                yield piece
            return
        except (OSError, EOFError, ValueError):
            pass
    with bz2.open(path) as file:
        for piece in in_pieces(file):
            if len(piece) > position:
                yield piece[position:]
            position = max(0, position - len(piece))


def in_pieces(file: IO[bytes]) -> Iterator[bytes]:
    """What a packed or plain file holds, a megabyte at a time, up to where it is damaged.

    Raises:
        OSError, EOFError, zlib.error, lzma.LZMAError: it is damaged there.
    """
    pieces: list[bytes] = []
    size = 0
    try:
        while piece := cast(io.BufferedReader, file).read1(_READ):
            pieces.append(piece)
            size += len(piece)
            if size >= _READ:
                yield b"".join(pieces)
                pieces, size = [], 0
    except (OSError, EOFError, zlib.error, lzma.LZMAError):
        if pieces:
            yield b"".join(pieces)
        raise
    if pieces:
        yield b"".join(pieces)


def _side_by_side(path: Path, workers: int) -> Iterator[bytes]:
    waiting: deque[Future[bytes]] = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        for block in _blocks(path):
            waiting.append(pool.submit(bz2.decompress, block))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _blocks(path: Path) -> Iterator[bytes]:
    """Each block as a file of its own.

    Raises:
        ValueError: the last block has no end, or there is none.
    """
    begun = False
    buffer = b""
    begin: int | None = None  # the bit of ``held`` where the open block begins
    place = 0
    with path.open("rb") as file:
        while more := file.read(_READ):
            buffer += more
            for bit, magic in _magics(buffer, place):
                if begin is not None:
                    yield _alone(buffer, begin, bit)
                begun = True
                begin = bit if magic == _BLOCK else None
            place = max(0, len(buffer) - 7)  # a number may stand across two reads
            keep = place if begin is None else begin // 8
            buffer, place = buffer[keep:], place - keep
            begin = None if begin is None else begin - 8 * keep
            if len(buffer) > 4 * _READ:
                raise ValueError("a block cannot be so long")
    if begin is not None or not begun:
        raise ValueError("no end")


def _needles() -> list[tuple[int, int, bytes]]:
    """(magic, shift, the bytes that are whole) for each number and each shift by bits."""
    needles = []
    for magic in (_BLOCK, _END):
        for shift in range(8):
            shifted = (magic << (8 - shift)).to_bytes(7, "big")
            needles.append((magic, shift, shifted[1:6]))
    return needles


_NEEDLES = _needles()


def _magics(data: bytes, start: int) -> list[tuple[int, int]]:
    """(bit, magic) of each number that lies wholly behind byte ``start``, in order."""
    places = []
    for magic, shift, needle in _NEEDLES:
        at = data.find(needle, start + 1)
        while at >= 0:
            whole = int.from_bytes(data[at - 1 : at + 6].ljust(7, b"\0"), "big")
            if whole >> (8 - shift) & ((1 << _BITS) - 1) == magic and at + 5 + (shift > 0) <= len(
                data
            ):
                places.append((8 * (at - 1) + shift, magic))
            at = data.find(needle, at + 1)
    return sorted(places)


def _alone(data: bytes, begin: int, end: int) -> bytes:
    """A block, from bit to bit, between a header and an end with the block's own checksum."""
    last = -(-end // 8)
    bits = int.from_bytes(data[begin // 8 : last], "big") >> (8 * last - end)
    size = end - begin
    bits &= (1 << size) - 1
    checksum = bits >> (size - _BITS - 32) & 0xFFFFFFFF
    bits = bits << 80 | _END << 32 | checksum
    padding = -(size + 80) % 8
    return b"BZh9" + (bits << padding).to_bytes((size + 80 + padding) // 8, "big")
