"""Postings as few bits as they need: gaps between rows and small counts, in blocks of 32.

A block is one byte, then its gaps, then its values, each as many bits as the largest of the block
needs, the last byte filled with zeros. The byte holds the gaps' width in its lower five bits and
the place of the values' width in ``WIDTHS`` in its upper three. The first gap of a term counts from
row -1, so that a gap less one is what is stored; values are stored less the smallest of the chunk.

Source: binary packing as in Lemire and Boytsov 2015, Decoding billions of integers per second.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qa_bench.runtime.compiled import compiled

BLOCK = 32
WIDTHS = np.array([0, 1, 2, 3, 4, 8, 16, 32], dtype=np.int64)
"""How many bits a block may spend on each of its values."""


def most_bytes(postings: int, terms: int, value_bits: int) -> int:
    """No packed chunk is longer."""
    blocks = postings // BLOCK + terms
    return 3 * blocks + (postings * (31 + value_bits) + 7) // 8 + 16


@compiled()
def sort_by_term(
    terms: np.ndarray, rows: np.ndarray, values: np.ndarray, ends: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and values in the order of terms, those of one term as they came.

    Args:
        terms: (postings,).
        rows: (postings,).
        values: (postings,).
        ends: zeros, one a term; afterwards where each term's postings end.
    """
    for term in terms:
        ends[term] += 1
    start = 0
    for term in range(len(ends)):
        count = ends[term]
        ends[term] = start
        start += count
    sorted_rows, sorted_values = np.empty_like(rows), np.empty_like(values)
    for posting in range(len(terms)):
        place = ends[terms[posting]]
        sorted_rows[place], sorted_values[place] = rows[posting], values[posting]
        ends[terms[posting]] = place + 1
    return sorted_rows, sorted_values


@compiled()
def put(
    terms: np.ndarray,
    starts: np.ndarray,
    counts: np.ndarray,
    rows: np.ndarray,
    values: np.ndarray,
    places: np.ndarray,
    merged_rows: np.ndarray,
    merged_values: np.ndarray,
) -> None:
    """Put a shard's postings of some terms behind those of the shards before it.

    Args:
        terms: which, places in ``places``.
        starts: where each one's postings start in the shard.
        counts: how many there are.
        rows: of the shard.
        values: of the shard.
        places: where each term's next posting goes; moved on.
        merged_rows: to be filled.
        merged_values: to be filled.
    """
    for number in range(len(terms)):
        place, start = places[terms[number]], starts[number]
        for step in range(counts[number]):
            merged_rows[place + step] = rows[start + step]
            merged_values[place + step] = values[start + step]
        places[terms[number]] = place + counts[number]


@compiled()
def pack(
    counts: np.ndarray,
    rows: np.ndarray,
    values: np.ndarray,
    least: int,
    widths: np.ndarray,
    packed: np.ndarray,
) -> int:
    """Pack the postings of some terms; how many bytes it took, -1 where rows do not ascend.

    Args:
        counts: postings of each term.
        rows: (postings,).
        values: whole numbers (postings,), or none where they are stored elsewhere.
        least: the smallest of them.
        widths: ``WIDTHS``.
        packed: to be filled; uint8, at least ``most_bytes``.
    """
    at: Any = 0
    first: Any = 0
    for count in counts:
        last: Any = -1
        for start in range(first, first + count, 32):
            end = min(start + 32, first + count)
            most_gap: Any = 0
            most_value: Any = 0
            before: Any = last
            for posting in range(start, end):
                gap = rows[posting] - before - 1
                if gap < 0:
                    return -1
                most_gap |= gap
                before = rows[posting]
                if len(values):
                    most_value |= np.int64(values[posting]) - least
            gap_bits = 0
            while most_gap >> gap_bits:
                gap_bits += 1
            code = 0
            while most_value >> widths[code]:
                code += 1
            packed[at] = gap_bits | code << 5
            at += 1
            word: Any = np.uint64(0)
            bits: Any = 0
            for posting in range(start, end):
                word |= np.uint64(rows[posting] - last - 1) << np.uint64(bits)
                last = rows[posting]
                bits += gap_bits
                while bits >= 8:
                    packed[at] = word & np.uint64(255)
                    word >>= np.uint64(8)
                    at += 1
                    bits -= 8
            if widths[code]:
                for posting in range(start, end):
                    word |= np.uint64(np.int64(values[posting]) - least) << np.uint64(bits)
                    bits += widths[code]
                    while bits >= 8:
                        packed[at] = word & np.uint64(255)
                        word >>= np.uint64(8)
                        at += 1
                        bits -= 8
            if bits:
                packed[at] = word & np.uint64(255)
                at += 1
        first += count
    return int(at)


@compiled()
def unpack(
    packed: np.ndarray,
    counts: np.ndarray,
    least: int,
    widths: np.ndarray,
    rows: np.ndarray,
    values: np.ndarray,
) -> int:
    """Unpack what ``pack`` packed; how many bytes it read.

    Args:
        packed: uint8; its content has been compared with a checksum.
        counts: postings of each term.
        least: what was taken from each value.
        widths: ``WIDTHS``.
        rows: to be filled.
        values: to be filled, or none where they are stored elsewhere.
    """
    at: Any = 0
    first: Any = 0
    for count in counts:
        last: Any = -1
        for start in range(first, first + count, 32):
            end = min(start + 32, first + count)
            gap_bits, value_bits = np.int64(packed[at]) & 31, widths[packed[at] >> 5]
            at += 1
            word: Any = np.uint64(0)
            bits: Any = 0
            mask = (np.uint64(1) << np.uint64(gap_bits)) - np.uint64(1)
            for posting in range(start, end):
                while bits < gap_bits:
                    word |= np.uint64(packed[at]) << np.uint64(bits)
                    at += 1
                    bits += 8
                last += 1 + np.int64(word & mask)
                rows[posting] = last
                word >>= np.uint64(gap_bits)
                bits -= gap_bits
            if len(values):
                mask = (np.uint64(1) << np.uint64(value_bits)) - np.uint64(1)
                for posting in range(start, end):
                    while bits < value_bits:
                        word |= np.uint64(packed[at]) << np.uint64(bits)
                        at += 1
                        bits += 8
                    values[posting] = np.int64(word & mask) + least
                    word >>= np.uint64(value_bits)
                    bits -= value_bits
        first += count
    return int(at)
