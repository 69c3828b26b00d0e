from __future__ import annotations

import pytest

from qa_bench.report.counts import counts, distance, phrase
from qa_bench.report.published import published

COUNTED = ("answer_recall", "article_recall", "em")


@pytest.mark.parametrize(
    ("value", "n", "expected"),
    [
        ("62.94", 3610, [2272]),
        ("78.4", 3610, [2829, 2830, 2831, 2832]),
        ("86.10", 3610, []),  # pyserini's .8610, which 3,108 questions do not make
        ("86.09", 3610, [3108]),
        ("84.79", 11313, [9592]),
        ("83.15", 11313, [9407]),
        ("0.0", 10, [0]),
        ("100.0", 694, [694]),
        ("50", 4, [2]),
        ("12.5", 8, [1]),
        ("12", 8, [1]),  # 12.5, rounded to the even digit
        ("13", 8, [1]),  # rounded up
        ("89.1", 694, [619]),  # 89.19 cut off: no count rounds to 89.1
        ("88.77", 3610, []),
    ],
)
def test_counts_that_make_a_figure(value: str, n: int, expected: list[int]):
    assert list(counts(value, n)) == expected


@pytest.mark.parametrize("n", [7, 133, 361, 694, 2032])
def test_every_count_is_one_of_its_own_figures(n: int):
    for k in range(n + 1):
        for digits in (1, 2):
            assert k in counts(f"{100 * k / n:.{digits}f}", n)


@pytest.mark.parametrize("n", [133, 694, 3610])
def test_counts_are_those_whose_figure_is_near(n: int):
    for x in range(0, 10_001, 97):
        value = f"{x // 100}.{x % 100:02}"
        near = [k for k in range(n + 1) if abs(20_000 * k - 2 * x * n) <= n]
        cut = [k for k in range(n + 1) if x * n <= 10_000 * k < (x + 1) * n]
        assert list(counts(value, n)) == (near or cut)


@pytest.mark.parametrize(
    ("right", "value", "expected"),
    [
        (2272, "62.94", 0),
        (2277, "62.94", 5),
        (2269, "62.94", -3),
        (2830, "78.4", 0),
        (2832, "78.4", 0),
        (2834, "78.4", 2),
        (2827, "78.4", -2),
        (3108, "86.10", None),
    ],
)
def test_the_distance_is_to_the_nearest_count(right: int, value: str, expected: int | None):
    assert distance(right, value, 3610) == expected


def test_a_distance_is_told_in_questions_and_points():
    assert phrase(5, 3610) == "+5 of 3,610 (+.14)"
    assert phrase(-3, 3610) == "-3 of 3,610 (-.08)"
    assert phrase(0, 3610) == "+0 of 3,610"
    assert phrase(1200, 11313) == "+1,200 of 11,313 (+10.61)"
    assert phrase(-361, 3610) == "-361 of 3,610 (-10.00)"


def test_grim():
    """Every published share of questions is one of a count, as far as the number of them is known.

    Brown and Heathers 2017. Only Blended RAG's NQ Top-10 is none of 3,610 questions: its n is
    unknown here.
    """
    known = [f for f in published() if f.n and f.metric.partition("@")[0] in COUNTED]
    assert len(known) > 1800
    assert [f for f in known if not counts(f.value, f.n or 0)] == []
    (blended,) = (f for f in published() if f.value == "88.77" and f.metric.endswith("@10"))
    assert blended.n is None
    assert not counts(blended.value, 3610)
