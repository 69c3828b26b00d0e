"""Means over questions and seeds: the formula, its limits, and how often it holds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from qa_bench.errors import UserError
from qa_bench.statistics.closed import Closed
from qa_bench.statistics.crossed import crossed_differences, crossed_intervals
from qa_bench.statistics.detectable import detectable
from qa_bench.statistics.holm import holm
from qa_bench.statistics.interval import intervals
from qa_bench.statistics.paired import paired
from qa_bench.statistics.replicates import Replicates
from qa_bench.statistics.resampling import Resampling

SEEDS = ("0", "1", "2")
ONE = (np.array([0]), np.array([1]))


def runs(shares: Any, n: int = 60, seed: int = 3) -> np.ndarray:
    """0/1 values of a run a share, at questions of one hardness."""
    random = np.random.default_rng(seed)
    hardness = random.normal(size=n)
    level = np.quantile(hardness, shares)
    noise = 0.7 * random.normal(size=(len(level), n))
    return (hardness + noise < level[:, None]).astype(float)


def plain(
    values: list[list[float]], freedom: list[int], groups: Any = None
) -> tuple[float, float, float]:
    """(mean, variance, degrees of freedom) of runs of values, loop by loop."""
    several, n = len(values), len(values[0])
    averages = [sum(run[q] for run in values) / several for q in range(n)]
    mean = sum(averages) / n
    names = list(range(n)) if groups is None else list(groups)
    by_group: dict[Any, float] = {}
    for q in range(n):
        by_group[names[q]] = by_group.get(names[q], 0.0) + averages[q] - mean
    count = len(by_group)
    questions = count / (count - 1) * sum(total**2 for total in by_group.values()) / n**2
    of_runs = [sum(run) / n for run in values]
    between = sum((m - mean) ** 2 for m in of_runs) / (several - 1) / several
    nu = (questions + between) ** 2 / (questions**2 / (count - 1) + between**2 / (several - 1))
    assert freedom == [count - 1, several - 1]
    return mean, questions + between, nu


@pytest.mark.parametrize("grouped", [False, True])
def test_an_interval_is_the_plain_one(grouped: bool) -> None:
    values = runs([0.4, 0.5, 0.45])
    groups = np.arange(60) // 6 if grouped else None
    mean, variance, nu = plain(values.tolist(), [9 if grouped else 59, 2], groups)
    half = stats.t.ppf(0.975, nu) * math.sqrt(variance)
    ours = crossed_intervals(Replicates([values], [SEEDS]), 0.05, groups)
    assert (ours.mean[0], ours.low[0], ours.high[0]) == pytest.approx(
        (mean, mean - half, mean + half), rel=1e-12
    )
    assert ours.methods == ["crossed-cluster-t" if grouped else "crossed-t"]


@pytest.mark.parametrize("grouped", [False, True])
def test_a_difference_goes_by_pairs_of_seeds(grouped: bool) -> None:
    one, other = runs([0.4, 0.5, 0.45]), runs([0.6, 0.65, 0.6])
    groups = np.arange(60) // 6 if grouped else None
    mean, variance, nu = plain((one - other).tolist(), [9 if grouped else 59, 2], groups)
    half = stats.t.ppf(0.95, nu) * math.sqrt(variance)
    order = [2, 0, 1]  # the seeds of one stand in another order
    ours = crossed_differences(
        Replicates([one, other[order]], [SEEDS, [SEEDS[place] for place in order]]),
        *ONE, 0.1, groups,
    )  # fmt: skip
    assert (ours.difference[0], ours.low[0], ours.high[0], ours.error[0]) == pytest.approx(
        (mean, mean - half, mean + half, math.sqrt(variance)), rel=1e-12
    )
    assert ours.p[0] == pytest.approx(2 * stats.t.sf(abs(mean) / math.sqrt(variance), nu))
    assert ours.freedom is not None
    assert ours.freedom[0] == pytest.approx(nu)


def test_other_seeds_are_added_and_one_run_is_constant() -> None:
    one, other, alone = runs([0.4, 0.5, 0.45]), runs([0.6, 0.7]), runs([0.5], seed=4)
    values = Replicates([one, other, alone], [SEEDS, ("7", "8"), ("",)])
    ours = crossed_differences(values, np.array([0, 0]), np.array([1, 2]))
    between = [np.var(v.mean(axis=1), ddof=1) / len(v) for v in (one, other)]
    for pair, (second, parts, freedom) in enumerate(
        [(other, between, [59, 2, 1]), (alone, between[:1], [59, 2])]
    ):
        apart = one.mean(axis=0) - second.mean(axis=0)
        variances = np.array([np.var(apart, ddof=1) / 60, *parts])
        nu = variances.sum() ** 2 / (variances**2 / freedom).sum()
        assert ours.error[pair] ** 2 == pytest.approx(variances.sum(), rel=1e-12)
        assert ours.p[pair] == pytest.approx(
            2 * stats.t.sf(abs(apart.mean()) / math.sqrt(variances.sum()), nu)
        )


@pytest.mark.parametrize("grouped", [False, True])
def test_one_run_each_is_as_without_runs_to_the_bit(grouped: bool) -> None:
    rows = np.concatenate([runs([0.4, 0.6]), np.random.default_rng(5).random((2, 60))])
    groups = np.arange(60) // 6 if grouped else None
    values = Replicates([row[None] for row in rows], [("",)] * 4)
    one, other = crossed_intervals(values, 0.05, groups), intervals(rows, 0.05, groups)
    for name in ("mean", "low", "high"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes()
    assert one.methods == other.methods
    first, second = np.triu_indices(4, 1)
    pairs = crossed_differences(values, first, second, 0.05, groups)
    alone = paired(rows, first, second, 0.05, groups)
    for name in ("difference", "low", "high", "p", "error"):
        assert getattr(pairs, name).tobytes() == getattr(alone, name).tobytes()
    # beside a system of several runs, too
    mixed = Replicates([*values.runs, runs([0.4, 0.5, 0.45])], [*values.names, SEEDS])
    beside = crossed_intervals(mixed, 0.05, groups)
    assert beside.low[:4].tobytes() == other.low.tobytes()
    together = crossed_differences(mixed, np.array([0, 0]), np.array([1, 4]), 0.05, groups)
    assert together.p[0] == alone.p[0]
    assert together.test == f"{'cluster-t' if grouped else 'mcnemar-midp'}," + (
        "crossed-cluster-t" if grouped else "crossed-t"
    )


def test_runs_that_do_not_differ_leave_the_questions() -> None:
    values = np.random.default_rng(6).random(60)
    same = Replicates([np.stack([values] * 3)], [SEEDS])
    ours, alone = crossed_intervals(same), intervals(values[None])
    assert (ours.low[0], ours.high[0]) == pytest.approx((alone.low[0], alone.high[0]), rel=1e-12)


def test_where_nothing_varies() -> None:
    right, wrong = np.ones((3, 40)), np.zeros((3, 40))
    values = Replicates([right, right, wrong], [SEEDS] * 3)
    ours = crossed_intervals(values)
    assert ours.high[0] == 1
    assert 0.9 < ours.low[0] < 0.95, "Wilson's of 40 questions, not of 120"
    apart = crossed_differences(values, np.array([0, 0]), np.array([1, 2]))
    assert apart.p[0] == 1
    assert apart.low[0] < 0 < apart.high[0]
    assert apart.p[1] < 1e-6
    single = crossed_intervals(Replicates([np.array([[1.0], [0.0]])], [("0", "1")]))
    assert single.low[0] < 0.1 < 0.9 < single.high[0], "one question tells next to nothing"


def planted(runs_each: int, ratio: float, times: int, random: Any) -> list[list[bool]]:
    """Whether intervals hold the truth: of a mean, of a difference, and of questions alone.

    Args:
        runs_each: seeds.
        ratio: the error by seeds, as a multiple of that by questions.
        times: how many tables.
        random: numbers.
    """
    n, names = 100, [str(seed) for seed in range(runs_each)]
    every = []
    for _ in range(times):
        hardness = random.normal(size=n)
        systems = [
            hardness
            + 0.5 * random.normal(size=n)
            + ratio * math.sqrt(1.25 / n * runs_each) * random.normal(size=(runs_each, 1))
            + 0.5 * random.normal(size=(runs_each, n))
            for _ in range(2)
        ]
        values = Replicates(systems, [names, names])
        own, alone = crossed_intervals(values), intervals(values.averaged)
        apart = crossed_differences(values, *ONE)
        several = (own, apart, alone)
        every.append([bool(one.low[0] <= 0 <= one.high[0]) for one in several])
    return every


@pytest.mark.parametrize(
    ("runs_each", "ratio", "least", "alone"),
    [(5, 0.0, 0.94, 1.0), (5, 1.0, 0.92, 0.90), (5, 3.0, 0.92, 0.60), (3, 1.0, 0.89, 0.90)],
)
def test_intervals_hold_planted_effects(
    runs_each: int, ratio: float, least: float, alone: float
) -> None:
    """Those of questions alone do not, where seeds differ: the reason for all of this."""
    held = np.mean(planted(runs_each, ratio, 500, np.random.default_rng(8)), axis=0)
    assert (held[:2] >= least).all()
    assert held[2] <= alone


def test_a_column_of_some_systems_with_seeds() -> None:
    values = Replicates(
        [runs([0.4, 0.5, 0.45]), runs([0.6, 0.65, 0.6]), runs([0.3], seed=4)],
        [SEEDS, SEEDS, ("",)],
    )
    column = Closed(against="bm25").column(values, 2)
    assert column.mean.tolist() == [float(np.mean(one)) for one in values.runs]
    raw = crossed_differences(values, np.array([0, 1]), np.array([2, 2]))
    assert column.p is not None
    np.testing.assert_allclose(column.p, [*holm(raw.p), 1])
    assert column.interval == "crossed-t,wilson"
    assert column.test == "crossed-t"
    assert column.signature == (
        "ci:crossed-t+wilson95|test:crossed-t|fam:baseline2-holm|groups:none|runs:1+3"
    )
    assert raw.freedom is not None
    sizes = detectable(raw.error, 0.05, 2, raw.freedom)
    assert column.detectable == pytest.approx(np.median(sizes))
    every = Closed().pairs(values)
    assert every.p[0, 1] == every.p[1, 0]
    assert every.difference[2, 1] == pytest.approx(-raw.difference[1])


def test_few_seeds_see_less() -> None:
    assert detectable(1.0, freedom=np.inf) == pytest.approx(detectable(1.0))
    assert detectable(1.0, freedom=2.0) > 1.5 * detectable(1.0)


def test_what_cannot_be_compared() -> None:
    with pytest.raises(UserError, match=r"one set, got runs of \[3, 4\] questions"):
        Replicates([np.ones((2, 3)), np.ones((2, 4))], [("0", "1")] * 2)
    with pytest.raises(UserError, match="a name of its own for each of 2 runs, got 0, 0"):
        Replicates([np.ones((2, 3))], [("0", "0")])
    with pytest.raises(UserError, match="finite values"):
        Replicates([np.array([[1.0, np.nan]])], [("0",)])
    values = Replicates([runs([0.4, 0.5])], [("0", "1")])
    with pytest.raises(UserError, match=r"draws questions, .* table.over=\[\] shows each run"):
        Resampling().column(values)
