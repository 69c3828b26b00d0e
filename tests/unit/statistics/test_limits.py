"""Sets of one question, values that do not vary, systems that are one: defined, no warning."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from qa_bench.statistics.closed import Closed
from qa_bench.statistics.difference import difference
from qa_bench.statistics.interval import interval
from qa_bench.statistics.pairs import pairs
from qa_bench.statistics.resampling import Resampling

PARTS = [Closed(), Closed(family="all"), Resampling(samples=200)]


def test_one_question() -> None:
    assert interval([1]) == (pytest.approx(0.2065, abs=1e-4), 1.0, "wilson")
    low, high, method = interval([0.5])
    assert method == "t"
    assert 0 < low < 0.1
    assert 0.9 < high < 1
    won = difference([1], [0])
    assert (won.difference, won.high, won.p) == (1, 1, 0.5)
    graded = difference([0.5], [0.25])
    assert graded.low < 0 < 0.25 < graded.high
    assert graded.p > 0.05


def test_values_without_limits_that_do_not_vary_tell_no_interval() -> None:
    low, high, method = interval([7.0, 7.0])
    assert np.isnan([low, high]).all()
    assert method == "t"
    apart = difference([7.0, 8.0], [5.0, 6.0])
    assert np.isnan([apart.low, apart.high]).all()
    assert (apart.difference, apart.p) == (2, 1)


def test_right_everywhere() -> None:
    low, high, _ = interval(np.ones(694))
    assert high == 1
    assert low == pytest.approx(694 / (694 + 3.8414588), rel=1e-6)
    low, high, method = interval(np.ones(480), groups=np.arange(480) // 10)
    assert (high, method) == (1, "cluster-t")
    assert low == pytest.approx(48 / (48 + 3.8414588), rel=1e-6)  # as if articles were questions


def test_graded_values_all_equal() -> None:
    low, high, method = interval(np.full(100, 0.3))
    assert method == "t"
    assert low < 0.3 < high
    half = difference(np.full(100, 0.5), np.full(100, 0.3))
    assert half.low < half.difference < half.high
    assert half.p == pytest.approx(0.0455, abs=1e-4)  # |z| = 2


def test_differences_that_vary_by_rounding_alone_do_not_vary() -> None:
    a = np.array([0.3, 0.1, 0.7, 0.2, 0.5])
    assert len(set((a + 0.1) - a)) > 1
    apart = difference(a + 0.1, a)
    assert apart.p > 0.5
    assert apart.low < 0 < apart.high


@pytest.mark.parametrize("values", [np.ones(50), np.arange(50) % 2, np.arange(50) / 50])
@pytest.mark.parametrize("groups", [None, np.arange(50) // 5])
def test_a_system_against_itself(values: np.ndarray, groups: Any) -> None:
    same = difference(values, values.copy(), groups=groups)
    assert (same.difference, same.p, same.wins, same.losses, same.ties) == (0, 1, 0, 0, 50)
    assert same.low == -same.high
    assert same.high > 0
    for part in PARTS:
        column = part.column([values, values, values], 0, groups, "set")
        assert column.best.all()
        assert not column.tied.any()
        assert column.p is not None
        assert column.p.tolist() == column.p_best.tolist() == [1, 1, 1]
        assert np.isfinite([column.low, column.high]).all()
        assert 0 < column.detectable < 2


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("values", [[[1, 0, 1]], [[0.5, 0.25, 0]], [[1]], [[0]], [[0.5]]])
def test_one_system(part: Any, values: Any) -> None:
    for baseline in (None, 0):
        column = part.column(values, baseline)
        assert column.best.tolist() == [True]
        assert column.tied.tolist() == [False]
        assert (column.test, column.family, column.comparisons) == ("", "no comparison", 0)
        assert column.low[0] <= column.mean[0] <= column.high[0]
    assert part.pairs(values).comparisons == 0
    assert part.pairs(values).p.tolist() == [[1]]


@pytest.mark.parametrize("part", PARTS)
def test_two_systems_on_one_question(part: Any) -> None:
    column = part.column([[1], [0]], 1)
    assert column.best.tolist() == [True, False]
    assert column.tied.tolist() == [False, True]
    assert column.p.min() >= 0.5


def test_values_between_0_and_1_have_intervals_there() -> None:
    values = np.r_[np.full(9, 0.99), 0.2]
    assert interval(values).high == 1
    assert interval(values * 5).high > 5
    assert pairs([values, 0.01 * values]).high.max() <= 1


def test_means_that_are_equal_but_for_the_order_of_their_sums() -> None:
    """0.1 + 0.2 + 0.3 + … depends on the order, the best does not."""
    values = np.random.default_rng(5).random(1000)
    column = Closed().column([values, values[::-1], np.sort(values)])
    assert column.best.all()


def test_0_and_1_beside_graded_values() -> None:
    """Each pair by its own test, as ``difference`` has it, whoever stands beside."""
    random = np.random.default_rng(6)
    rows = np.stack([random.random(90) < 0.5, random.random(90) < 0.6, random.random(90)])
    rows = rows.astype(float)
    column = Closed().column(rows, 0)
    assert (column.interval, column.test) == ("wilson,t", "mcnemar-midp,paired-t")
    every = pairs(rows)
    assert every.p.shape == (3, 3)
    np.testing.assert_allclose(every.low, -every.high.T, atol=1e-12)
    assert column.difference is not None
    assert column.difference_low is not None
    for row in (1, 2):
        alone = difference(rows[row], rows[0])
        assert column.difference[row] == pytest.approx(alone.difference)
        assert column.difference_low[row] == pytest.approx(alone.low)
        assert interval(rows[row])[:2] == (column.low[row], column.high[row])


def test_groups_of_the_same_mean_are_no_proof() -> None:
    groups = np.arange(36) % 4
    one = np.zeros(36)
    one[:4] = 1  # one in each group: between groups nothing varies
    apart = difference(one, np.zeros(36), groups=groups)
    assert apart.p == pytest.approx(2 * stats.norm.sf(4 / 36 * 2))
    assert apart.low < 0 < apart.high
    span = interval(one, groups=groups)
    assert span.low < 0.05
    assert span.high > 0.4
