"""Many strings, numbered in the order in which they came: a hash table without Python's objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from qa_bench.runtime.compiled import compiled


class Table(Sequence[str]):
    """Strings by their numbers, and numbers by their strings; as a sequence, the strings.

    A million of them take some 40 MB.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._size = 0
        self._slots = np.full(1 << 12, -1, dtype=np.int32)
        self._hashes = np.zeros(1 << 11, dtype=np.uint64)
        self._starts = np.zeros((1 << 11) + 1, dtype=np.int64)
        self._data = np.zeros(1 << 14, dtype=np.uint8)

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, number: Any) -> Any:
        if isinstance(number, slice):
            return [self[one] for one in range(*number.indices(self._size))]
        if not 0 <= number < self._size:
            raise IndexError(number)
        start, end = self._starts[number : number + 2]
        return self._data[start:end].tobytes().decode()

    def __iter__(self) -> Iterator[str]:
        return iter(self.strings().to_pylist())

    def strings(self, first: int = 0, last: int | None = None) -> pa.Array:
        """The strings from number ``first`` up to ``last``, as an Arrow array."""
        last = self._size if last is None else last
        starts = self._starts[first : last + 1]
        data = self._data[starts[0] : starts[-1]].copy()
        ends = (starts - starts[0]).astype(np.int32)
        buffers = [None, pa.py_buffer(ends), pa.py_buffer(data)]
        return pa.Array.from_buffers(pa.string(), last - first, buffers)

    def add(self, starts: np.ndarray, data: np.ndarray, hashes: np.ndarray | None = None) -> Any:
        """The numbers of strings, int32; those that are not there get one.

        Args:
            starts: where each begins in ``data``, and the end; int64 (strings + 1,).
            data: their bytes, uint8.
            hashes: of each, uint64; always the same function of the bytes.
        """
        count, size = len(starts) - 1, int(starts[-1] - starts[0])
        hashes = _hash(starts, data) if hashes is None else hashes
        self._hashes = _room(self._hashes, self._size + count)
        self._starts = _room(self._starts, self._size + count + 1)
        self._data = _room(self._data, int(self._starts[self._size]) + size)
        if 2 * (self._size + count) > len(self._slots):
            slots = 1 << (4 * (self._size + count) - 1).bit_length()
            self._slots = _slots(self._hashes[: self._size], slots)
        numbers = np.empty(count, dtype=np.int32)
        self._size = _add(
            numbers, (starts, data, hashes),
            (self._slots, self._hashes, self._starts, self._data), self._size,
        )  # fmt: skip
        return numbers

    def add_strings(self, strings: Sequence[str]) -> Any:
        """As ``add``, of strings."""
        array = pa.array(strings, pa.large_string())
        _, starts, data = array.buffers()
        return self.add(
            np.frombuffer(starts, dtype=np.int64)[: len(array) + 1],
            np.frombuffer(data or b"", dtype=np.uint8),
        )


def _room(array: np.ndarray, size: int) -> np.ndarray:
    """The array, or a larger one that begins with it."""
    if size <= len(array):
        return array
    larger = np.zeros(max(size, len(array) * 3 // 2), dtype=array.dtype)
    larger[: len(array)] = array
    return larger


@compiled()
def _hash(starts: Any, data: Any) -> Any:
    hashes = np.empty(len(starts) - 1, dtype=np.uint64)
    for string in range(len(hashes)):
        value = np.uint64(0xCBF29CE484222325)
        for at in range(starts[string], starts[string + 1]):
            value = (value ^ np.uint64(data[at])) * np.uint64(0x100000001B3)
        hashes[string] = value ^ (value >> np.uint64(32))
    return hashes


@compiled()
def _slots(hashes: Any, count: int) -> Any:
    slots = np.full(count, -1, dtype=np.int32)
    for number in range(len(hashes)):
        slot = np.int64(hashes[number]) & (count - 1)
        while slots[slot] >= 0:
            slot = (slot + 1) & (count - 1)
        slots[slot] = number
    return slots


@compiled()
def _add(numbers: Any, strings: Any, table: Any, size: int) -> int:
    starts, data, hashes = strings
    slots, known, places, held = table
    for string in range(len(numbers)):
        first, length = starts[string], starts[string + 1] - starts[string]
        slot = np.int64(hashes[string]) & (len(slots) - 1)
        number = slots[slot]
        while number >= 0:
            if known[number] == hashes[string] and places[number + 1] - places[number] == length:
                same = True
                for at in range(length):
                    if held[places[number] + at] != data[first + at]:
                        same = False
                        break
                if same:
                    break
            slot = (slot + 1) & (len(slots) - 1)
            number = slots[slot]
        if number < 0:
            number = np.int32(size)
            slots[slot] = number
            known[size] = hashes[string]
            for at in range(length):
                held[places[size] + at] = data[first + at]
            size += 1
            places[size] = places[size - 1] + length
        numbers[string] = number
    return size
