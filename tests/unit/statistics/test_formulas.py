"""The formulas against scipy, statsmodels and published cases."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from scipy import stats

from qa_bench.errors import UserError
from qa_bench.statistics.detectable import assumed_error, detectable
from qa_bench.statistics.difference import difference
from qa_bench.statistics.holm import holm
from qa_bench.statistics.interval import interval
from qa_bench.statistics.mcnemar import mcnemar
from qa_bench.statistics.tango import tango
from qa_bench.statistics.wilson import wilson


def table(b: int, c: int, n: int, both: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Values of two systems with this table."""
    a = np.repeat([1.0, 0.0, 1.0, 0.0], [b, c, both, n - b - c - both])
    return a, np.repeat([0.0, 1.0, 1.0, 0.0], [b, c, both, n - b - c - both])


@pytest.fixture(scope="module")
def proportion() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from statsmodels.stats import proportion as module
    return module


@pytest.mark.parametrize("alpha", [0.05, 0.01, 0.2])
def test_wilson_is_statsmodels(alpha: float, proportion: Any) -> None:
    hits, n = np.array([0, 1, 7, 347, 693, 694]), 694
    ours = wilson(hits, n, alpha)
    theirs = proportion.proportion_confint(hits, n, alpha, method="wilson")
    np.testing.assert_allclose(ours, theirs, atol=1e-12)
    assert ours[0][0] == 0
    assert ours[1][-1] == 1


def test_wilson_is_scipys() -> None:
    theirs = stats.binomtest(2829, 3610).proportion_ci(method="wilson")
    a = table(2829, 0, 3610)[0]
    assert interval(a) == (pytest.approx(theirs.low), pytest.approx(theirs.high), "wilson")
    assert interval(a.tolist())[:2] == interval(a.astype(bool))[:2] == interval(a)[:2]


def test_t_is_scipys() -> None:
    values = np.random.default_rng(1).beta(2, 3, 80)
    theirs = stats.t.interval(0.9, 79, values.mean(), stats.sem(values))
    assert interval(values, 0.1) == (pytest.approx(theirs[0]), pytest.approx(theirs[1]), "t")
    other = values**2
    result = stats.ttest_rel(values, other)
    bounds = result.confidence_interval(0.95)
    ours = difference(values, other)
    assert ours.test == "paired-t"
    assert ours.p == pytest.approx(result.pvalue, rel=1e-9)
    assert (ours.low, ours.high) == (pytest.approx(bounds.low), pytest.approx(bounds.high))
    assert (ours.wins, ours.losses, ours.ties) == (80, 0, 0)


def test_tango_as_published() -> None:
    """The airway data of Fagerland, Lydersen and Laake 2014: b 1, c 7, n 21."""
    low, high = tango(1, 7, 21)
    assert float(low) == pytest.approx(-0.5172, abs=5e-5)
    assert float(high) == pytest.approx(-0.0260, abs=5e-5)
    assert mcnemar(1, 7) == pytest.approx(0.0390625)  # their mid-p, .039


@pytest.mark.parametrize(
    ("n", "b", "c", "low", "high", "mid"),
    [
        (3610, 244, 190, 0.37, 2.63, 0.0095),
        (694, 35, 21, -0.10, 4.23, 0.063),
        (30, 5, 2, -8.6, 28.8, 0.29),
        (30, 2, 0, -5.4, 21.3, 0.25),
    ],
)
def test_tango_and_mid_p_of_the_docs(
    n: int, b: int, c: int, low: float, high: float, mid: float
) -> None:
    ours = difference(*table(b, c, n))
    assert (100 * ours.low, 100 * ours.high) == (
        pytest.approx(low, abs=0.05), pytest.approx(high, abs=0.05)
    )  # fmt: skip
    assert ours.p == pytest.approx(mid, rel=0.02)
    assert (ours.wins, ours.losses, ours.ties) == (b, c, n - b - c)


def test_the_ends_of_tango_are_where_its_score_test_rejects() -> None:
    """By the likelihood itself, maximised by scipy: no formula of ours in it."""
    from scipy.optimize import minimize_scalar

    for b, c, n in ((5, 2, 30), (12, 24, 694), (1, 7, 21)):
        for end in tango(b, c, n):
            delta = float(end)

            def loss(q: float, delta: float = delta, b: int = b, c: int = c, n: int = n) -> float:
                p = q + delta
                return -(b * np.log(p) + c * np.log(q) + (n - b - c) * np.log1p(-p - q))

            least, most = max(0.0, -delta), (1 - delta) / 2
            span = most - least
            best = minimize_scalar(
                loss, bounds=(least + 1e-9 * span, most - 1e-9 * span), method="bounded",
                options={"xatol": 1e-12},
            )  # fmt: skip
            z = (b - c - n * delta) / np.sqrt(n * (2 * best.x + delta - delta**2))
            assert abs(z) == pytest.approx(stats.norm.ppf(0.975), rel=1e-5)


def test_tango_turned_round_and_its_limits() -> None:
    b, c = np.meshgrid(np.arange(31), np.arange(31))
    b, c = b[b + c <= 30], c[b + c <= 30]
    low, high = tango(b, c, 30)
    np.testing.assert_allclose(tango(c, b, 30), (-high, -low), atol=1e-12)
    assert ((low <= (b - c) / 30) & ((b - c) / 30 <= high)).all()
    assert low.min() >= -1
    assert high.max() <= 1
    assert tango(30, 0, 30)[1] == 1
    z2 = stats.norm.ppf(0.975) ** 2
    assert float(tango(0, 0, 30)[1]) == pytest.approx(z2 / (30 + z2))


def test_interval_and_test_agree() -> None:
    """0 is outside of Tango's interval where p < .05, but for very few tables."""
    b, c = np.meshgrid(np.arange(201), np.arange(201))
    b, c = b[(b + c <= 200) & (b <= c)], c[(b + c <= 200) & (b <= c)]
    _, high = tango(b, c, 1000)
    assert len(b) > 10_000
    assert np.count_nonzero((high < 0) != (mcnemar(b, c) < 0.05)) <= 10


def test_mid_p_is_the_exact_p_less_half_the_table() -> None:
    from statsmodels.stats.contingency_tables import mcnemar as reference

    for b, c in ((76, 121), (40, 58), (12, 24), (0, 4), (5, 2), (244, 190), (3, 4)):
        exact = reference([[0, b], [c, 0]], exact=True).pvalue
        mid = exact - stats.binom.pmf(min(b, c), b + c, 0.5)
        assert float(mcnemar(b, c)) == pytest.approx(mid, rel=1e-9)
    assert float(mcnemar(76, 121)) == pytest.approx(0.0013, abs=5e-5)
    assert mcnemar(np.array([0, 1, 9]), np.array([0, 1, 9])).tolist() == [1, 1, 1]
    assert 0 < mcnemar(0, 900) < 1e-200
    assert mcnemar(4000, 7000) < 1e-100


def test_holm_is_statsmodels() -> None:
    from statsmodels.stats.multitest import multipletests

    random = np.random.default_rng(2)
    families = random.random((6, 39)) ** 4
    families[0, :5] = 0.001  # equal ones
    ours = holm(families)
    for row, family in zip(ours, families, strict=True):
        np.testing.assert_allclose(row, multipletests(family, method="holm")[1], rtol=1e-12)
    assert holm([0.3]).tolist() == [0.3]
    assert holm([]).tolist() == []


def test_clusters_by_hand_and_by_statsmodels() -> None:
    import statsmodels.api as sm

    random = np.random.default_rng(3)
    groups = random.integers(0, 12, 200)
    values = (random.random(200) < 0.3 + 0.4 * (groups % 2)).astype(float)
    fit = sm.OLS(values, np.ones(200)).fit(
        cov_type="cluster", cov_kwds={"groups": groups, "use_correction": False}
    )
    error = float(fit.bse[0]) * np.sqrt(12 / 11)  # G/(G−1)
    half = stats.t.ppf(0.975, 11) * error
    ours = interval(values, groups=[f"article {code}" for code in groups])
    assert ours.method == "cluster-t"
    assert (ours.low, ours.high) == (
        pytest.approx(values.mean() - half), pytest.approx(values.mean() + half),
    )  # fmt: skip
    assert ours.high - ours.low > 1.5 * (interval(values).high - interval(values).low)
    other = np.roll(values, 1)
    pair = difference(values, other, groups=groups)
    apart = values - other - (values - other).mean()
    sums = np.array([apart[groups == code].sum() for code in range(12)])
    by_hand = np.sqrt(12 / 11 * (sums**2).sum()) / 200
    assert pair.test == "cluster-t"
    assert pair.error == pytest.approx(by_hand)
    assert pair.p == pytest.approx(2 * stats.t.sf(abs(pair.difference) / by_hand, 11))


def test_a_group_a_question_is_no_group() -> None:
    values = np.random.default_rng(4).random(50)
    alone = interval(values, groups=np.arange(50))
    assert alone[:2] == (pytest.approx(interval(values).low), pytest.approx(interval(values).high))


def test_detectable() -> None:
    z = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    assert float(detectable(0.0039)) == pytest.approx(z * 0.0039)
    assert 100 * detectable(0.0039) == pytest.approx(1.09, abs=0.005)  # nq Top-20, two BM25
    assert float(detectable(1.0, 0.05, 39)) == pytest.approx(
        stats.norm.ppf(1 - 0.05 / 78) + stats.norm.ppf(0.8)
    )
    assert assumed_error(1000) == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1, float("nan"), 0], r"finite values, got nan for system 1 at question 2 \(1 such"),
        ([1, float("inf")], "finite values, got inf"),
        ([], "one value a question at least"),
        (["yes", "no"], "a number a question"),
        ([[1, 2], [3]], "a number a question"),
    ],
)
def test_what_is_no_value(values: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        interval(values)


def test_other_refusals() -> None:
    with pytest.raises(UserError, match="the same questions for both systems, got 3 and 2"):
        difference([1, 0, 1], [1, 0])
    with pytest.raises(UserError, match="groups: two or more, got one"):
        interval([1, 0], groups=["one", "one"])
    with pytest.raises(UserError, match=r"groups: one for each of the 2 questions, got shape \(3,"):
        interval([1, 0], groups=[0, 1, 1])
