"""Bootstrap and randomisation: beside closed forms, scipy's, and where they fail."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from qa_bench.errors import UserError
from qa_bench.statistics import draws
from qa_bench.statistics.closed import Closed
from qa_bench.statistics.max_t import max_t, sampled_p
from qa_bench.statistics.resampling import Resampling


def pair(b: int, c: int, n: int, both: int) -> np.ndarray:
    """Values of two systems with this table, (2, n)."""
    counts = [b, c, both, n - b - c - both]
    return np.stack([np.repeat([1.0, 0, 1, 0], counts), np.repeat([0.0, 1, 1, 0], counts)])


def test_the_closed_forms_on_the_counts_of_nq() -> None:
    """BM25 with k1 0.9 and 3 on NQ, Top-20: 121 questions for one alone, 76 for the other."""
    values = pair(121, 76, 3610, 1038)
    closed = Closed(against="b").column(values, 1)
    sampled = Resampling(against="b").column(values, 1, None, "nq")
    assert closed.p is not None
    assert sampled.p is not None
    assert closed.p[0] == pytest.approx(0.0013, abs=5e-5)
    assert sampled.p[0] == pytest.approx(0.0017, abs=0.0012)  # the exact p: .0017
    for name in ("low", "high", "difference", "difference_low", "difference_high"):
        np.testing.assert_allclose(getattr(sampled, name), getattr(closed, name), atol=6e-4)
    assert sampled.best.tolist() == closed.best.tolist() == [True, False]
    assert not sampled.tied.any()
    assert sampled.detectable == pytest.approx(closed.detectable, rel=0.05)
    assert sampled.signature == (
        "ci:bootstrap95|test:randomisation|fam:baseline1-max-t|groups:none|seed:questions|B:10000"
    )


def test_the_flips_of_few_questions_are_all_flips() -> None:
    """Beside scipy's permutation test, which has all 2¹⁰ of them."""
    random = np.random.default_rng(9)
    values = random.random((2, 10))
    reference = stats.permutation_test(
        (values[0], values[1]), lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples", vectorized=True,
    )  # fmt: skip
    ours = Resampling(samples=20000).column(values, 0, None, "set")
    assert ours.p is not None
    assert ours.p[1] == pytest.approx(reference.pvalue, abs=0.012)


def test_percentiles_are_scipys() -> None:
    values = np.random.default_rng(10).beta(1, 4, 200)
    reference = stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=10000,
        rng=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    ours = Resampling().column([values], None, None, "set")
    assert ours.low[0] == pytest.approx(reference.low, abs=0.002)
    assert ours.high[0] == pytest.approx(reference.high, abs=0.002)


def test_groups_are_drawn_as_a_whole() -> None:
    random = np.random.default_rng(11)
    groups = np.repeat(np.arange(60), random.integers(1, 30, 60))
    level = random.random(60)[groups]
    values = (random.random((2, len(groups))) < level).astype(float)
    closed = Closed().column(values, 0, groups)
    sampled = Resampling().column(values, 0, groups, "squad")
    alone = Resampling().column(values, 0, None, "squad")
    width, naive = sampled.high - sampled.low, alone.high - alone.low
    assert (width > 2 * naive).all()
    np.testing.assert_allclose(width, closed.high - closed.low, rtol=0.1)
    assert closed.p is not None
    assert sampled.p is not None
    assert sampled.p[1] == pytest.approx(closed.p[1], abs=0.05)
    assert "|groups:60|" in sampled.signature


def test_a_system_more_changes_no_interval_and_another_set_does() -> None:
    values = np.random.default_rng(12).random((5, 300))
    values[:3] = np.round(values[:3])
    part = Resampling(samples=500)
    few, many = (part.column(rows, None, None, "set") for rows in (values[:4], values))
    np.testing.assert_allclose(few.low, many.low[:4], atol=1e-12)
    np.testing.assert_allclose(few.high, many.high[:4], atol=1e-12)
    again = part.column(values, None, None, "set")
    assert again.low.tolist() == many.low.tolist()
    assert part.column(values, None, None, "other").low.tolist() != many.low.tolist()


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(13).random((3, 40))
    values[0] = np.round(values[0])
    whole = [draw(values, 100, "set") for draw in (draws.flipped_sums, draws.drawn_sums)]
    monkeypatch.setattr(draws, "_ENTRIES", 40 * 7)
    for before, draw in zip(whole, (draws.flipped_sums, draws.drawn_sums), strict=True):
        np.testing.assert_allclose(draw(values, 100, "set"), before, atol=1e-12)


def test_draws_are_what_they_are_called() -> None:
    ones = np.ones((1, 100))
    assert (draws.drawn_sums(ones, 50, "set") == 100).all()
    marked = np.eye(100)
    flips = draws.flipped_sums(marked, 2000, "set")
    assert set(np.unique(flips)) == {-1, 1}
    assert abs(flips.mean()) < 0.01
    counts = draws.drawn_sums(marked, 2000, "set")
    assert counts.sum(axis=0).tolist() == [100] * 2000
    assert counts.var() == pytest.approx(0.99, abs=0.02)


def test_max_t_step_by_step() -> None:
    """Against the definition, one hypothesis after the other."""
    random = np.random.default_rng(14)
    values = (random.random((6, 60)) < np.linspace(0.3, 0.8, 6)[:, None]).astype(float)
    flipped = draws.flipped_sums(values, 400, "set")
    first, second = np.triu_indices(6, 1)
    norms = np.sqrt(((values[first] - values[second]) ** 2).sum(axis=1))
    total = values.sum(axis=1)
    truth = np.abs(total[first] - total[second]) / norms
    drawn = np.abs(flipped[first] - flipped[second]) / norms[:, None]
    order = np.argsort(-truth)
    expected, highest = np.empty(len(order)), 0.0
    for step, place in enumerate(order):
        reached = (drawn[order[step:]].max(axis=0) >= truth[place] - 1e-9).sum()
        highest = max(highest, (reached + 1) / 401)
        expected[place] = highest
    ours = max_t(total, flipped, norms, first, second)
    np.testing.assert_allclose(ours, expected)
    alone = ((drawn >= truth[:, None] - 1e-9).sum(axis=1) + 1) / 401
    np.testing.assert_allclose(sampled_p(total, flipped, norms, first, second), alone)
    assert (ours >= alone - 1e-12).all()
    assert ours.min() < 0.05 < ours.max()


# Holm over sampled p


def forty() -> np.ndarray:
    random = np.random.default_rng(15)
    hardness, noise = random.normal(size=3610), random.normal(size=(40, 3610))
    return (hardness + 0.5 * noise < np.linspace(-0.8, 0.8, 40)[:, None]).astype(float)


def test_holm_over_more_pairs_than_draws_can_tell_is_refused() -> None:
    part = Resampling(family="all", adjust="holm")
    with pytest.raises(
        UserError,
        match=(
            r"^statistics\.adjust=holm: the smallest p of 10000 draws is 1/10001; times 780 "
            r"comparisons it is 0\.078, never below 0\.05: statistics\.adjust=max_t, or "
            r"statistics\.samples=312000$"
        ),
    ):
        part.column(forty()[:, :400], 0, None, "set")


def test_max_t_has_no_such_floor() -> None:
    values = forty()
    sampled = Resampling(samples=1000).pairs(values, None, "set")
    closed = Closed().pairs(values)
    first, second = np.triu_indices(40, 1)
    seen, expected = (np.mean(one.p[first, second] < 0.05) for one in (sampled, closed))
    assert expected > 0.7
    assert seen == pytest.approx(expected, abs=0.03)
    assert 780 / 1001 > 0.05  # what Holm would have made of the smallest p


def test_holm_of_a_small_family() -> None:
    values = forty()[:4]
    part = Resampling(adjust="holm", samples=2000)
    column = part.column(values, 0, None, "set")
    assert column.family.endswith("Holm for each")
    assert column.p is not None
    closed = Closed().column(values, 0).p
    np.testing.assert_allclose(column.p, closed, atol=0.05)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"samples": 10}, r"statistics\.samples: a whole number from 100 to 10000000, got '10'"),
        ({"adjust": "none"}, r"statistics\.adjust: max_t or holm, got 'none'"),
    ],
)
def test_settings(settings: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Resampling(**settings)


def test_metrics_of_one_set() -> None:
    with pytest.raises(UserError, match=r"one set, got values of \[2, 3\] questions"):
        Resampling().columns({"a": [[1, 0]], "b": [[1, 0, 1]]})
