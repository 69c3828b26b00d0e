"""Strings and their numbers."""

from __future__ import annotations

import numpy as np

from qa_bench.retriever.postings.table import Table


def test_numbers_are_those_of_a_dictionary() -> None:
    rng = np.random.default_rng(7)
    table, numbers = Table(), {}
    for size in (0, 1, 50, 5_000, 30_000, 3):
        words = [f"wört{n}" if n % 3 else "" for n in rng.integers(0, 40_000, size)]
        expected = [numbers.setdefault(word, len(numbers)) for word in words]
        assert table.add_strings(words).tolist() == expected
    assert list(table) == list(numbers)
    assert len(table) == len(numbers)
    assert [table[n] for n in (0, 17, len(table) - 1)] == [list(numbers)[n] for n in (0, 17, -1)]
    assert table[5:50:7] == list(numbers)[5:50:7]
    assert table.strings(100, 103).to_pylist() == list(numbers)[100:103]


def test_equal_hashes_do_not_make_strings_equal() -> None:
    table = Table()
    data = np.frombuffer(b"onetwoone", dtype=np.uint8)
    same = np.zeros(3, dtype=np.uint64)
    assert table.add(np.array([0, 3, 6, 9]), data, same).tolist() == [0, 1, 0]
    assert list(table) == ["one", "two"]
