"""That 95 % is 95 %: coverage of intervals, and how often a family errs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from qa_bench.statistics.closed import Closed
from qa_bench.statistics.holm import holm
from qa_bench.statistics.paired import paired
from qa_bench.statistics.resampling import Resampling
from qa_bench.statistics.tango import tango
from qa_bench.statistics.wilson import wilson


def tables(n: int, p: float, q: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All tables (b, c) of n questions and their probability."""
    b, c = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")
    b, c = b[b + c <= n], c[b + c <= n]
    log = stats.multinomial.logpmf(np.stack([b, c, n - b - c], axis=1), n, [p, q, 1 - p - q])
    likely = log > -25
    return b[likely], c[likely], np.exp(log[likely])


def covered(ends: tuple[np.ndarray, np.ndarray], truth: float, weight: np.ndarray) -> float:
    return float(weight[(ends[0] <= truth) & (truth <= ends[1])].sum())


@pytest.mark.parametrize(
    ("n", "discordant", "delta"),
    [(30, 0.05, 0.02), (30, 0.12, 0.03), (100, 0.05, 0.02), (100, 0.3, 0.0), (100, 0.1, 0.08),
     (300, 0.1, 0.02)],
)  # fmt: skip
def test_tango_covers(n: int, discordant: float, delta: float) -> None:
    """By the probabilities of all tables: no chance in it."""
    b, c, weight = tables(n, (discordant + delta) / 2, (discordant - delta) / 2)
    assert weight.sum() == pytest.approx(1, abs=1e-4)
    assert covered(tango(b, c, n), delta, weight) >= 0.94


@pytest.mark.parametrize(("n", "discordant", "delta"), [(30, 0.05, 0.02), (30, 0.12, 0.03)])
def test_the_bootstrap_fails_where_questions_are_few(
    n: int, discordant: float, delta: float
) -> None:
    """Which is why it is not the default: breakdowns have 30 questions."""
    b, c, weight = tables(n, (discordant + delta) / 2, (discordant - delta) / 2)
    random = np.random.default_rng(16)
    shares = np.stack([b, c, n - b - c], axis=1) / n
    drawn = random.multinomial(n, shares, size=(1000, len(b)))
    apart = (drawn[..., 0] - drawn[..., 1]) / n
    low, high = np.quantile(apart, [0.025, 0.975], axis=0)
    bootstrap = covered((low, high), delta, weight)
    assert bootstrap < 0.90
    assert covered(tango(b, c, n), delta, weight) > bootstrap + 0.06


@pytest.mark.parametrize(("n", "share"), [(36, 0.3), (36, 0.97), (694, 0.33), (3610, 0.78)])
def test_wilson_covers(n: int, share: float) -> None:
    hits = np.arange(n + 1)
    weight = stats.binom.pmf(hits, n, share)
    assert covered(wilson(hits, n), share, weight) >= 0.92


@pytest.mark.parametrize("test", ["mcnemar-midp", "paired-t"])
def test_forty_equal_systems_differ_in_no_more_than_five_families_of_a_hundred(test: str) -> None:
    random = np.random.default_rng(17)
    families, rejected = 400, 0
    others, baseline = np.arange(1, 40), np.zeros(39, dtype=int)
    for _ in range(families):
        hardness = random.normal(size=300)
        values = (hardness + random.normal(size=(40, 300)) < 0).astype(float)
        if test == "paired-t":
            values *= random.random(300)
        family = paired(values, others, baseline)
        assert family.test == test
        rejected += bool(holm(family.p).min() < 0.05)
    assert rejected / families <= 0.055


def test_max_t_keeps_the_level_too() -> None:
    random = np.random.default_rng(18)
    part, families, rejected = Resampling(samples=199, family="all"), 120, 0
    for number in range(families):
        values = (random.normal(size=150) + random.normal(size=(8, 150)) < 0).astype(float)
        rejected += bool(part.pairs(values, None, str(number)).p.min() < 0.05)
    assert rejected / families <= 0.1  # 120 families tell 5 % within 4 points


def test_groups_cover_where_single_questions_do_not() -> None:
    random = np.random.default_rng(19)
    groups = np.repeat(np.arange(48), 20)
    hits = {"groups": 0, "single": 0}
    for _ in range(300):
        level = random.beta(2, 2, 48)[groups]
        values = (random.random((1, 960)) < level).astype(float)
        for name, codes in (("groups", groups), ("single", None)):
            column = Closed().column(values, None, codes)
            hits[name] += bool(column.low[0] <= 0.5 <= column.high[0])
    assert hits["groups"] / 300 >= 0.92
    assert hits["single"] / 300 < 0.8
