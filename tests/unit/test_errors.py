from __future__ import annotations

import pickle

from qa_bench.errors import DataError


def test_a_fault_is_one_line_whatever_it_quotes():
    error = DataError("no 'a\nb\x85c' in it", "q.csv", 7)
    assert str(error) == "q.csv:7: no 'a b c' in it"
    assert len(str(DataError("x" * 50_000, "q.csv"))) < 1100


def test_it_survives_the_way_back_from_a_worker():
    again = pickle.loads(pickle.dumps(DataError("a\nb", "q.csv", 7)))
    assert (str(again), again.line) == ("q.csv:7: a b", 7)
