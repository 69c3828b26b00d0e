"""Postings on their way to the disk: shards sorted by term, in one file, and merged by term."""

from __future__ import annotations

import mmap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from qa_bench.retriever.postings.packing import put, sort_by_term

_SHARD = 1 << 21
"""Postings a shard: what is held in memory."""


class _Place(NamedTuple):
    """Where a shard lies in the file: its first byte, its terms, its postings."""

    offset: int
    terms: int
    postings: int


class Shards:
    """The shards of one index."""

    def __init__(self, path: Path, dtype: np.dtype) -> None:
        """Start the file anew.

        Args:
            path: of the file; it goes with ``remove``.
            dtype: of the values.
        """
        self.terms = 0
        """How many term numbers there are: one more than the largest."""
        # Moved as whole numbers of the same size: numba has no float16.
        self._path, self._dtype, self._bits = path, dtype, np.dtype(f"u{dtype.itemsize}")
        path.write_bytes(b"")
        self._places: list[_Place] = []
        self._blocks: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._held = self._next_row = 0
        self._orders: list[int] = []
        self._map = memoryview(b"")

    def add(
        self, first_row: int, pointers: np.ndarray, terms: np.ndarray, values: np.ndarray
    ) -> None:
        """Add a block of passages.

        Raises:
            ValueError: it does not follow the last one, or its arrays do not fit each other.
        """
        counts = np.diff(pointers)
        if first_row < self._next_row:
            raise ValueError(f"passages from {first_row} on after those to {self._next_row}")
        if not counts.sum() == len(terms) == len(values):
            raise ValueError(f"{counts.sum()} postings, {len(terms)} terms, {len(values)} values")
        self._next_row = first_row + len(counts)
        rows = np.arange(first_row, self._next_row, dtype=np.int32)
        for start in range(0, len(terms), _SHARD):  # no block makes a shard longer than two
            part = slice(start, start + _SHARD)
            some = np.repeat(rows, counts)[part]
            self._blocks.append(
                (np.asarray(terms[part], np.int32), some, values[part].view(self._bits))
            )
            self._held += len(some)
            if self._held >= _SHARD:
                self._flush()

    def end(self) -> None:
        """Write what is held: nothing is added any more."""
        self._flush()

    def _flush(self) -> None:
        """Sort what is held by term and write it."""
        if not self._held:
            return
        terms, rows, values = (np.concatenate(arrays) for arrays in zip(*self._blocks, strict=True))
        self._blocks, self._held = [], 0
        if terms.min() < 0:
            raise ValueError(f"a term's number is {terms.min()}")
        self.terms = max(self.terms, int(terms.max()) + 1)
        ends = np.zeros(self.terms, dtype=np.int64)
        rows, values = sort_by_term(terms, rows, values, ends)
        counts = np.diff(ends, prepend=0)
        distinct = np.flatnonzero(counts)
        each = counts[distinct].astype(np.int32)
        offset = self._write(distinct.astype(np.int32), each, rows, values)
        self._places.append(_Place(offset, len(distinct), len(rows)))

    def _write(self, *arrays: np.ndarray) -> int:
        """Write arrays behind what is there; where the first one starts."""
        with self._path.open("ab") as file:
            offset = file.tell()
            for array in arrays:
                file.write(array.tobytes())
                file.write(bytes(-array.nbytes % 8))  # the next one is aligned
        return offset

    def _array(self, offset: int, length: int, dtype: np.dtype | type) -> tuple[np.ndarray, int]:
        """An array of the file, and where the next one starts."""
        array = np.frombuffer(self._map, dtype, length, offset)
        return array, offset + array.nbytes + -array.nbytes % 8

    def renumber(self, ranks: np.ndarray, workers: int) -> np.ndarray:
        """End writing, give terms new numbers, and count the postings of each.

        Each shard gets three arrays more: its terms' new numbers, ascending, where the postings of
        each start, and how many there are.

        Args:
            ranks: the new number of each term, int32 (terms,); each once.
            workers: threads.

        Returns:
            int64 (terms,), by new numbers.

        Raises:
            ValueError: there are fewer ``ranks`` than terms.
        """
        self.end()
        if self.terms > len(ranks):
            raise ValueError(
                f"a vocabulary of {len(ranks)} terms, but one is number {self.terms - 1}"
            )
        self._map_file()
        totals = np.zeros(len(ranks), dtype=np.int64)

        def order(place: _Place) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            terms, offset = self._array(place.offset, place.terms, np.int32)
            counts, _ = self._array(offset, place.terms, np.int32)
            numbers = ranks[terms]
            by_rank = np.argsort(numbers)
            starts = np.cumsum(counts) - counts
            return numbers[by_rank], starts[by_rank].astype(np.int32), counts[by_rank]

        with ThreadPoolExecutor(workers) as pool:
            for first in range(0, len(self._places), workers):
                for arrays in pool.map(order, self._places[first : first + workers]):
                    self._orders.append(self._write(*arrays))
                    totals[arrays[0]] += arrays[2]
        self._map_file()
        return totals

    def _map_file(self) -> None:
        if self._path.stat().st_size:
            with self._path.open("rb") as file:
                self._map = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))

    def merged(self, first: int, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The postings of some terms, of all shards, by term and then by row.

        Args:
            first: the first term, by new numbers.
            counts: how many postings each has; (terms,).

        Returns:
            Rows, int32, and values.
        """
        total, last = int(counts.sum()), first + len(counts)
        rows, values = np.empty(total, np.int32), np.empty(total, self._bits)
        places = np.cumsum(counts) - counts
        for place, order in zip(self._places, self._orders, strict=True):
            terms, offset = self._array(order, place.terms, np.int32)
            starts, offset = self._array(offset, place.terms, np.int32)
            each, _ = self._array(offset, place.terms, np.int32)
            some = slice(*np.searchsorted(terms, (first, last)).tolist())
            _, offset = self._array(place.offset, place.terms, np.int32)
            _, offset = self._array(offset, place.terms, np.int32)
            shard_rows, offset = self._array(offset, place.postings, np.int32)
            shard_values, _ = self._array(offset, place.postings, self._bits)
            put(
                terms[some] - first,
                starts[some],
                each[some],
                shard_rows,
                shard_values,
                places,
                rows,
                values,
            )
        return rows, values.view(self._dtype)

    def remove(self) -> None:
        """Delete the file, and forget what was not written; again is nothing."""
        self._map, self._blocks, self._held = memoryview(b""), [], 0
        self._path.unlink(missing_ok=True)
