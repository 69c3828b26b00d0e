from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hit_runs import run_of
from hypothesis import given
from hypothesis import strategies as st

from qa_bench.fusion.normalise import Normaliser
from qa_bench.store.hits import Hits
from qa_bench.store.passages import Passages

MakeHits = Callable[..., Hits]
NAMES = ("none", "min_max", "z_score", "pyserini")


def scaled(hits: Hits, name: str, part: str = "a") -> list[float]:
    return Normaliser(name)(hits.scores[part], hits).tolist()


def test_by_hand(make_hits: MakeHits):
    hits = make_hits(a=[("1", 9.0), ("2", 3.0), ("3", 0.0)])
    assert scaled(hits, "none") == [9, 3, 0]
    assert scaled(hits, "min_max") == [1, 3 / 9, 0]
    assert scaled(hits, "z_score") == pytest.approx([5 / 14**0.5, -1 / 14**0.5, -4 / 14**0.5])
    assert scaled(hits, "pyserini") == [0.5, -1.5 / 9, -0.5]


@pytest.mark.parametrize("scores", [[0.1], [0.1] * 3, [-0.7] * 7, [0.0] * 2, [16777217.3] * 11])
@pytest.mark.parametrize(("name", "value"), [("min_max", 1.0), ("z_score", 0.0), ("pyserini", 0.0)])
def test_equal_scores(make_hits: MakeHits, scores: list[float], name: str, value: float):
    hits = make_hits(a=[(str(pid), score) for pid, score in enumerate(scores, 1)])
    got = scaled(hits, name)
    assert got == pytest.approx([value] * len(scores), abs=1e-9)
    assert name == "z_score" or got == [value] * len(scores)


def test_questions_do_not_mix_and_gaps_stay(numbered: Passages):
    runs = {
        "a": {"q1": [("1", 4.0), ("9", 2.0)], "q3": [("5", 7.0), ("4", 6.0), ("3", 5.0)]},
        "b": {"q1": [("2", 1.0)], "q2": [("2", 1.0)], "q3": [("5", 1.0)]},
    }
    hits = Hits.of({n: run_of(r) for n, r in runs.items()}, ["q1", "q2", "q3"], numbered)
    nan = np.nan
    np.testing.assert_array_equal(scaled(hits, "min_max"), [1, nan, 0, nan, 0, 0.5, 1])
    np.testing.assert_array_equal(scaled(hits, "min_max", "b"), [nan, 1, nan, 1, nan, nan, 1])


finite = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(scores=st.lists(finite, min_size=1, max_size=30), name=st.sampled_from(NAMES))
def test_always_finite_and_the_order_kept(scores: list[float], name: str, numbered: Passages):
    scores = sorted(scores, reverse=True)
    found = {"q": [(str(pid), score) for pid, score in enumerate(scores, 1)]}
    got = np.array(scaled(Hits.of({"a": run_of(found)}, ["q"], numbered), name))
    assert np.isfinite(got).all()
    assert (np.diff(got) <= 0).all()
    if name == "min_max":
        assert got.min() >= 0
        assert got.max() == 1
    if name == "pyserini":
        assert np.abs(got).max() <= 0.5 + 1e-12
