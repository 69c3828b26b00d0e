"""The best spans, against plain loops and transformers' own."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from qa_bench.reader.extractive.spans import best_spans, log_total, merged

LOGITS = st.integers(1, 14).flatmap(
    lambda size: st.tuples(
        *[arrays(np.float32, size, elements=st.sampled_from([-2.0, 0.0, 0.5, 1.0, 3.0]))] * 2
    )
)


@given(LOGITS, st.integers(1, 5), st.integers(1, 6))
def test_as_transformers_finds_them(
    logits: tuple[np.ndarray, np.ndarray], longest: int, most: int
) -> None:
    from transformers.models.dpr.tokenization_dpr import CustomDPRReaderTokenizerMixin

    starts, ends = logits
    expected = CustomDPRReaderTokenizerMixin._get_best_spans(
        None, starts.tolist(), ends.tolist(), max_answer_length=longest, top_spans=most
    )
    firsts, lasts, found = best_spans(starts, ends, longest, most)
    assert list(zip(firsts.tolist(), lasts.tolist(), strict=True)) == expected
    assert found.tolist() == [starts[a] + ends[b] for a, b in expected]


def test_an_answer_is_no_longer_than_allowed() -> None:
    starts, ends = np.zeros(6, np.float32), np.zeros(6, np.float32)
    starts[0], ends[5] = 5, 5
    firsts, lasts, _ = best_spans(starts, ends, 3, 6)
    assert (lasts - firsts < 3).all()
    assert (lasts >= firsts).all()


@given(LOGITS, st.integers(1, 6))
def test_one_window_merges_to_itself(logits: tuple[np.ndarray, np.ndarray], most: int) -> None:
    found = best_spans(*logits, 3, most)
    assert merged([(4, found)], most) == sorted(
        ((a + 4, b + 4, s) for a, b, s in zip(*(part.tolist() for part in found), strict=True)),
        key=lambda span: (-span[2], span[0]),
    )


def test_a_span_of_two_windows_counts_once_and_at_its_best() -> None:
    first = (np.array([3]), np.array([4]), np.array([1.0], np.float32))
    second = (np.array([0, 4]), np.array([1, 4]), np.array([2.0, 0.5], np.float32))
    assert merged([(0, first), (3, second)], 10) == [(3, 4, 2.0), (7, 7, 0.5)]


def test_total_is_over_all_windows() -> None:
    starts = [np.array([0.0, 1.0], np.float32), np.array([2.0], np.float32)]
    ends = [np.array([0.0, 0.0], np.float32), np.array([0.0], np.float32)]
    expected = math.log(1 + math.e + math.e**2) + math.log(3)
    assert math.isclose(log_total(starts, ends), expected, rel_tol=1e-12)
    assert math.isclose(log_total([np.array([1000.0])], [np.array([1000.0])]), 2000)
