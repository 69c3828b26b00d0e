"""Text cut where no word can go on, and each piece that is new remembered once.

Lucene's words never go on across white space or most other ASCII signs (UAX #29), so that a text's
terms are those of its pieces. A piece of ASCII alone is one word already; only the others must be
looked at again. There are few different pieces, even in many passages: each is analysed once.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from qa_bench.runtime.compiled import compiled

_BREAK, _LETTER, _DIGIT, _LOW_LINE, _STOP, _COLON, _COMMA, _QUOTE, _KEYCAP, _MORE = range(10)
"""What a byte is: a sign that parts words, or one that joins them between letters, digits or both.

``_QUOTE`` joins Hebrew letters, ``_KEYCAP`` starts an emoji; ``_MORE`` is part of a character that
is not ASCII, of which nothing is known here.
"""


class Pieces(NamedTuple):
    """The pieces of some texts."""

    pointers: np.ndarray
    """Where each text's begin in ``ids``, int64 (texts + 1,)."""
    ids: np.ndarray
    """Which piece each is, counted in the order in which they first came; int32."""
    starts: np.ndarray
    """Where each different piece begins in ``data``, int64 (different + 1,)."""
    data: np.ndarray
    """Their bytes, ASCII in lower case; uint8."""
    hashes: np.ndarray
    """A hash of each, uint64 (different,)."""


def cut(ends: np.ndarray, data: np.ndarray) -> Pieces:
    """Cut texts into pieces.

    Args:
        ends: where each text begins in ``data``, and the end; int32 or int64 (texts + 1,).
        data: UTF-8, uint8.
    """
    return Pieces(*_cut(ends.astype(np.int64), data, _kinds()))


@cache
def _kinds() -> np.ndarray:
    kinds = np.full(256, _BREAK, dtype=np.uint8)
    for first, last, kind in (("A", "Z", _LETTER), ("a", "z", _LETTER), ("0", "9", _DIGIT)):
        kinds[ord(first) : ord(last) + 1] = kind
    signs = {"_": _LOW_LINE, ".": _STOP, "'": _STOP, ":": _COLON, ",": _COMMA, ";": _COMMA}
    signs |= {'"': _QUOTE, "#": _KEYCAP, "*": _KEYCAP}
    for sign, kind in signs.items():
        kinds[ord(sign)] = kind
    kinds[128:] = _MORE
    return kinds


@compiled()
def _cut(bounds: Any, data: Any, kinds: Any) -> tuple[Any, Any, Any, Any, Any]:
    count = len(bounds) - 1
    total = bounds[count] - bounds[0]
    pointers = np.zeros(count + 1, dtype=np.int64)
    ids = np.empty(total // 2 + count + 1, dtype=np.int32)
    room = 1 << 12
    slots = np.full(room, -1, dtype=np.int32)
    starts = np.zeros(room // 2 + 1, dtype=np.int64)
    hashes = np.zeros(room // 2 + 1, dtype=np.uint64)
    piece = np.empty(total, dtype=np.uint8)
    different = size = filled = 0
    for text in range(count):
        end = bounds[text + 1]
        before = _BREAK
        length = 0
        value = np.uint64(0xCBF29CE484222325)
        for at in range(bounds[text], end + 1):
            joins = False
            kind = _BREAK
            if at < end:
                byte = data[at]
                kind = kinds[byte]
                if kind == _LETTER:
                    byte |= 0x20
                    joins = True
                elif kind == _DIGIT or kind == _LOW_LINE or kind == _MORE:
                    joins = True
                elif kind != _BREAK and at + 1 < end:
                    after = kinds[data[at + 1]]
                    if kind == _KEYCAP:
                        joins = after == _MORE
                    elif kind == _QUOTE:
                        joins = before == _MORE and after == _MORE
                    else:
                        for part in (_LETTER, _DIGIT):
                            fits = kind == _STOP or kind == (_COLON if part == _LETTER else _COMMA)
                            fits = fits and (before == part or before == _MORE)
                            joins = joins or (fits and (after == part or after == _MORE))
                # A Hebrew letter keeps the quote that ends its word.
                joins = joins or (byte == 39 and before == _MORE)
                before = kind
            if joins:
                piece[size + length] = byte
                length += 1
                value = (value ^ np.uint64(byte)) * np.uint64(0x100000001B3)
                continue
            if length:
                value ^= value >> np.uint64(32)
                slot = np.int64(value) & (room - 1)
                one = slots[slot]
                while one >= 0:
                    if hashes[one] == value and starts[one + 1] - starts[one] == length:
                        same = True
                        for place in range(length):
                            if piece[starts[one] + place] != piece[size + place]:
                                same = False
                                break
                        if same:
                            break
                    slot = (slot + 1) & (room - 1)
                    one = slots[slot]
                if one < 0:
                    one = np.int32(different)
                    slots[slot] = one
                    hashes[different] = value
                    different += 1
                    size += length
                    starts[different] = size
                    if 2 * different == room:
                        room *= 4
                        slots = np.full(room, -1, dtype=np.int32)
                        more = np.zeros(room // 2 + 1, dtype=np.int64)
                        more[: different + 1] = starts[: different + 1]
                        starts = more
                        again = np.zeros(room // 2 + 1, dtype=np.uint64)
                        again[:different] = hashes[:different]
                        hashes = again
                        for other in range(different):
                            slot = np.int64(hashes[other]) & (room - 1)
                            while slots[slot] >= 0:
                                slot = (slot + 1) & (room - 1)
                            slots[slot] = other
                ids[filled] = one
                filled += 1
                length = 0
                value = np.uint64(0xCBF29CE484222325)
        pointers[text + 1] = filled
    return (
        pointers,
        ids[:filled].copy(),
        starts[: different + 1].copy(),
        piece[:size].copy(),
        hashes[:different].copy(),
    )


@compiled()
def _count(pointers: Any, ids: Any, firsts: Any, terms: Any, different: int) -> tuple[Any, ...]:
    count = len(pointers) - 1
    where = np.full(different, -1, dtype=np.int64)
    total = 0
    for at in range(len(ids)):
        total += firsts[ids[at] + 1] - firsts[ids[at]]
    numbers = np.empty(total, dtype=np.int32)
    counts = np.empty(total, dtype=np.int32)
    bounds = np.zeros(count + 1, dtype=np.int64)
    lengths = np.zeros(count, dtype=np.int32)
    filled = 0
    for text in range(count):
        first = filled
        length = 0
        for at in range(pointers[text], pointers[text + 1]):
            piece = ids[at]
            for place in range(firsts[piece], firsts[piece + 1]):
                term = terms[place]
                length += 1
                if where[term] >= first:
                    counts[where[term]] += 1
                else:
                    where[term] = filled
                    numbers[filled] = term
                    counts[filled] = 1
                    filled += 1
        bounds[text + 1] = filled
        lengths[text] = length
    return bounds, numbers[:filled].copy(), counts[:filled].copy(), lengths


def count(
    pieces: Pieces, firsts: np.ndarray, terms: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Count the terms of each text.

    Args:
        pieces: its pieces.
        firsts: where each different piece's terms begin in ``terms``, int64 (different + 1,).
        terms: ids, int32.

    Returns:
        Where each text's begin, int64 (texts + 1,); its different terms as they first come, int32;
        how often each comes, int32; how many terms it has in all, int32 (texts,).
    """
    known, local = np.unique(terms, return_inverse=True)
    bounds, numbers, counts, lengths = _count(
        pieces.pointers, pieces.ids, firsts, local.astype(np.int32), len(known)
    )
    return bounds, known.astype(np.int32)[numbers], counts, lengths
