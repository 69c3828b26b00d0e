"""Marks of a column: the best, what cannot be told from it, the baseline, families."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qa_bench.errors import UserError
from qa_bench.statistics.closed import Closed
from qa_bench.statistics.difference import difference
from qa_bench.statistics.holm import holm
from qa_bench.statistics.none import NoStatistics
from qa_bench.statistics.pairs import pairs
from qa_bench.statistics.resampling import Resampling


def systems(shares: Any, n: int = 1000, seed: int = 7) -> np.ndarray:
    """0/1 values of systems that mostly agree on which questions are hard."""
    random = np.random.default_rng(seed)
    hardness = 0.8 * random.normal(size=n)
    level = np.quantile(hardness + 0.6 * random.normal(size=n), shares)
    noise = 0.6 * random.normal(size=(len(level), n))
    return (hardness + noise < level[:, None]).astype(float)


def test_marks_against_the_best() -> None:
    values = systems([0.5, 0.49, 0.3, 0.5, 0.45])
    column = Closed().column(values)
    best = int(np.argmax(values.mean(axis=1)))
    others = [row for row in range(5) if row != best]
    raw = [difference(values[row], values[best]).p for row in others]
    np.testing.assert_allclose(column.p_best[others], holm(raw))
    assert column.best.tolist() == [row == best for row in range(5)]
    assert column.tied.tolist() == [row != best and column.p_best[row] >= 0.05 for row in range(5)]
    assert column.tied[[0, 1, 3]].sum() == 2
    assert not column.tied[2]
    assert column.p is column.difference is column.difference_low is None
    assert (column.comparisons, column.family) == (4, "4 comparisons with the best, Holm")
    assert column.signature == "ci:wilson95|test:mcnemar-midp|fam:best4-holm|groups:none"


def test_against_a_baseline() -> None:
    values = systems([0.5, 0.49, 0.3, 0.5, 0.45])
    column = Closed(against="bm25").column(values, 4)
    raw = [difference(values[row], values[4]) for row in range(4)]
    assert column.p is not None
    assert column.difference is not None
    np.testing.assert_allclose(column.p, [*holm([one.p for one in raw]), 1])
    np.testing.assert_allclose(column.difference, [*(one.difference for one in raw), 0])
    np.testing.assert_allclose(column.difference_low, [*(one.low for one in raw), 0])
    np.testing.assert_allclose(column.difference_high, [*(one.high for one in raw), 0])
    np.testing.assert_allclose(column.p_best, Closed().column(values).p_best)
    assert (
        column.family == "4 comparisons with the baseline, and as many with the best, Holm for each"
    )
    assert "|fam:baseline4-holm|" in column.signature


def test_all_pairs_are_a_family() -> None:
    values = systems([0.5, 0.49, 0.3, 0.5, 0.45])
    column = Closed(alpha=0.1, family="all").column(values, 4)
    every = pairs(values, alpha=0.1)
    best = int(np.argmax(values.mean(axis=1)))
    assert column.p is not None
    np.testing.assert_allclose(column.p, every.p[:, 4])
    np.testing.assert_allclose(column.p_best, every.p[:, best])
    assert (column.comparisons, every.comparisons) == (10, 10)
    assert (column.p >= Closed(alpha=0.1).column(values, 4).p).all()
    assert column.family == "10 comparisons, all pairs, Holm"
    assert column.signature.startswith("ci:wilson90|test:mcnemar-midp|fam:all10-holm")
    for i in range(5):
        for j in range(5):
            if i != j:
                alone = difference(values[i], values[j], 0.1)
                ours = (every.difference[i, j], every.low[i, j], every.high[i, j])
                assert ours == pytest.approx((alone.difference, alone.low, alone.high))
    assert np.diag(every.difference).tolist() == [0] * 5
    assert np.diag(every.p).tolist() == [1] * 5


@pytest.mark.parametrize("groups", [None, np.arange(1000) // 25])
def test_graded_pairs_one_by_one(groups: Any) -> None:
    """The product of a column with itself and the differences of two give the same."""
    random = np.random.default_rng(8)
    values = systems([0.5, 0.49, 0.3]) * random.random(1000)
    values = np.concatenate([values, values[:1] + 1e-7 * random.random(1000)])  # all but the same
    every = pairs(values, groups)
    first, second = np.triu_indices(4, 1)
    alone = [difference(values[i], values[j], groups=groups) for i, j in zip(first, second)]  # noqa: B905
    np.testing.assert_allclose(every.p[first, second], holm([one.p for one in alone]), rtol=1e-8)
    np.testing.assert_allclose(every.low[first, second], [one.low for one in alone], rtol=1e-8)
    last = values[3] - values[0]
    if groups is None:
        assert difference(values[3], values[0]).error == pytest.approx(
            last.std(ddof=1) / np.sqrt(1000), rel=1e-6
        )
    assert every.test == ("paired-t" if groups is None else "cluster-t")


def test_several_bests_and_the_order_of_rows() -> None:
    values = systems([0.5, 0.45, 0.44, 0.3])
    values = np.concatenate([values, values[[0]][:, ::-1]])  # as good as the first, on others
    for part in (Closed(), Closed(family="all"), Resampling(samples=500)):
        column = part.column(values, None, None, "set")
        assert column.best.tolist() == [True, False, False, False, True]
        order = np.array([4, 2, 3, 1, 0])
        turned = part.column(values[order], None, None, "set")
        np.testing.assert_allclose(turned.p_best, column.p_best[order])
        assert turned.tied.tolist() == column.tied[order].tolist()


def test_what_can_be_seen() -> None:
    values = systems([0.5, 0.49, 0.3, 0.5, 0.45])
    column = Closed().column(values, 0)
    errors = [difference(values[row], values[0]).error for row in range(1, 5)]
    assert column.detectable == pytest.approx((2.497705 + 0.841621) * np.median(errors), rel=1e-5)
    alone = Closed().column(values[:1])
    assert alone.detectable == pytest.approx((1.959964 + 0.841621) * 0.01, rel=1e-5)
    grouped = Closed().column(values[:1], groups=np.arange(1000) // 100)
    assert grouped.detectable == pytest.approx(10 * alone.detectable)


def test_groups_are_in_the_signature() -> None:
    column = Closed().column(systems([0.5, 0.4]), groups=np.arange(1000) // 25)
    assert column.signature == "ci:cluster-t95|test:cluster-t|fam:best1-holm|groups:40"
    assert column.family == "1 comparison with the best, Holm"


def test_none_tells_nothing() -> None:
    part = NoStatistics(against="bm25")
    assert part.column([[1, 0]]) is None
    assert part.columns({"em": [[1, 0]]}) == {}
    assert part.pairs([[1, 0]]) is None


def test_columns_are_the_column_of_each() -> None:
    values = {"a": systems([0.5, 0.4]), "b": systems([0.5, 0.45, 0.4])}
    for part in (Closed(), Resampling(samples=300)):
        several = part.columns(values, 0, None, "set")
        for name, rows in values.items():
            alone = part.column(rows, 0, None, "set")
            np.testing.assert_allclose(several[name].p, alone.p)
            np.testing.assert_allclose(several[name].low, alone.low, atol=1e-12)


@pytest.mark.parametrize("kind", [Closed, NoStatistics, Resampling])
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"alpha": 0}, r"statistics\.alpha: a number > 0, got '0'"),
        ({"alpha": 0.7}, r"statistics\.alpha: a number > 0 and < 0.5, got '0.7'"),
        ({"alpha": True}, r"statistics\.alpha: a number > 0, got 'true'"),
        ({"family": "none"}, r"statistics\.family: own or all, got 'none'"),
        ({"against": 3}, r"statistics\.against: the label of a system, or null, got '3'"),
        ({"against": " "}, r"statistics\.against: the label of a system"),
    ],
)
def test_settings(kind: Any, settings: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        kind(**settings)


@pytest.mark.parametrize("baseline", [-1, 2])
def test_a_baseline_that_is_not_there(baseline: int) -> None:
    with pytest.raises(UserError, match=f"the baseline is one of 2 systems, got {baseline}"):
        Closed().column([[1, 0], [0, 1]], baseline)
