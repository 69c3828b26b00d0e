"""Intervals and tests of systems that were run several times: over questions and over runs.

A value x[s, q] of run s at question q has an effect of the question, one of the run, and what both
have together. Each run answers every question, so the two are crossed, and the variance of the mean
of S runs over n questions is

    σ²_question / n + σ²_run / S + σ²_both / (S n)

It is estimated by the sum of two variances that anybody can compute:

    V = V_questions + V_runs
    V_questions: of the mean of the questions' values, each averaged over runs (by groups of
        questions where there are some; ``clusters``)
    V_runs: Σ_s (m_s − m̄)² / (S − 1) / S, m_s being the mean of run s

Both hold σ²_both / (S n), which therefore counts twice: V errs on the wide side, never on the
narrow one, in the mean. With one run, V is V_questions, which knows nothing of other runs.

Degrees of freedom, by Satterthwaite's rule, are V² / (V_questions² / ν_questions + V_runs² /
ν_runs), with ν_runs = S − 1: two seeds tell little, and t says so.

Sources: Owen 2007, The pigeonhole bootstrap, Annals of Applied Statistics 1:386-411 (crossed random
effects; resampling either factor alone is too narrow, both together errs by what is counted more
than once); Cameron, Gelbach and Miller 2011, Journal of Business and Economic Statistics 29:238-249
(V_1 + V_2 − V_12 of two-way clustering; without the last it is wider); Satterthwaite 1946,
Biometrics Bulletin 2:110-114; Welch 1947, Biometrika 34:28-35.
"""

from __future__ import annotations

import numpy as np

from qa_bench.statistics.clusters import scale, still, sums
from qa_bench.statistics.interval import Intervals, by_t, errors, intervals
from qa_bench.statistics.mean import bound_of_difference, t_interval, t_test
from qa_bench.statistics.paired import Paired, paired
from qa_bench.statistics.replicates import Replicates
from qa_bench.statistics.values import in_unit

CROSSED, CROSSED_CLUSTERS = "crossed-t", "crossed-cluster-t"
"""The names of the method and the test, without and with groups of questions."""

_ROUNDING = 1e-14
"""What differs by less than this share of the values is the same but for rounding."""


def satterthwaite(parts: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    """Degrees of freedom of a sum of variances: (Σ V)² / Σ (V² / ν).

    Source: Satterthwaite 1946, Biometrics Bulletin 2:110-114.

    Args:
        parts: the variances, float64 (parts, systems); one that is 0 does not count.
        freedom: of each, >= 1 where it is not 0; of the same shape, or one that broadcasts to it.

    Returns:
        float64 (systems,), 1 where all parts are 0.
    """
    below = (parts**2 / np.maximum(freedom, 1)).sum(axis=0)
    whole = parts.sum(axis=0) ** 2
    degrees: np.ndarray = np.divide(whole, below, out=np.ones_like(whole), where=below > 0)
    return degrees


def crossed_intervals(
    values: Replicates, alpha: float = 0.05, groups: np.ndarray | None = None
) -> Intervals:
    """The interval of every system's mean; of one run, as ``intervals`` has it.

    Args:
        values: checked.
        alpha: 1 − the level.
        groups: codes of the questions' groups from 0, int (n,).
    """
    own = intervals(values.averaged, alpha, groups)
    several = np.flatnonzero(values.counts > 1)
    mean, low, high, methods = own.mean.copy(), own.low.copy(), own.high.copy(), list(own.methods)
    if len(several):
        rows, mean[several] = values.averaged[several], values.mean[several]
        error, size = errors(rows, mean[several], groups)
        parts = np.stack([error**2, np.array([_of_runs(values, row) for row in several.tolist()])])
        freedom = np.stack([np.full(len(several), size - 1), values.counts[several] - 1])
        total = np.sqrt(parts.sum(axis=0)) if size > 1 else np.zeros(len(several))
        low[several], high[several] = by_t(
            mean[several], total, satterthwaite(parts, freedom), size, in_unit(rows), alpha
        )
    for row in several:
        methods[row] = CROSSED if groups is None else CROSSED_CLUSTERS
    return Intervals(mean, low, high, methods)


def crossed_differences(
    values: Replicates,
    first: np.ndarray,
    second: np.ndarray,
    alpha: float = 0.05,
    groups: np.ndarray | None = None,
) -> Paired:
    """Compare pairs of systems on d[s, q], question by question and, where they can, run by run.

    Where both have the runs of the same names, V_runs is that of the runs' differences; else that
    of the one and of the other are added. A system of one run has none. Pairs of two such are
    compared by ``paired``.

    Args:
        values: checked.
        first: each pair's first system, int (pairs,).
        second: its second.
        alpha: 1 − the level of the intervals.
        groups: codes of the questions' groups from 0, int (n,).
    """
    several = (values.counts[first] > 1) | (values.counts[second] > 1)
    if not several.any():
        return paired(values.averaged, first, second, alpha, groups)
    over_runs = _crossed(values, first[several], second[several], alpha, groups)
    if several.all():
        return over_runs
    alone = paired(values.averaged, first[~several], second[~several], alpha, groups)
    arrays = {}
    for name in ("difference", "low", "high", "p", "error"):
        arrays[name] = np.empty(len(first))
        arrays[name][several] = getattr(over_runs, name)
        arrays[name][~several] = getattr(alone, name)
    freedom = np.full(len(first), np.inf)
    freedom[several] = over_runs.freedom
    return Paired(**arrays, test=f"{alone.test},{over_runs.test}", freedom=freedom)


def _of_runs(values: Replicates, row: int) -> float:
    return _variance(values.of_runs[row], float(np.abs(values.of_runs[row]).max()))


def _variance(of_runs: np.ndarray, largest: float) -> float:
    """Of the mean of runs: Σ (m − m̄)² / (S − 1) / S; 0 of one run, and of runs that are alike."""
    if len(of_runs) < 2 or np.ptp(of_runs) <= _ROUNDING * largest:
        return 0.0
    return float(np.var(of_runs, ddof=1) / len(of_runs))


def _crossed(
    values: Replicates,
    first: np.ndarray,
    second: np.ndarray,
    alpha: float,
    groups: np.ndarray | None,
) -> Paired:
    difference = values.mean[first] - values.mean[second]
    n = values.averaged.shape[1]
    size = n if groups is None else int(groups.max()) + 1
    questions = np.zeros(len(first))
    runs, freedom = np.zeros((2, len(first))), np.ones((2, len(first)))
    for pair, (i, j) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        largest = float(np.abs(values.averaged[[i, j]]).max())
        apart = values.averaged[i] - values.averaged[j]
        questions[pair] = _of_questions(apart, float(difference[pair]), largest, groups)
        if values.paired(i, j):
            order = [list(values.names[j]).index(name) for name in values.names[i]]
            runs[0, pair] = _variance(values.of_runs[i] - values.of_runs[j][order], largest)
            freedom[0, pair] = len(order) - 1
        else:
            runs[:, pair] = _of_runs(values, i), _of_runs(values, j)
            freedom[:, pair] = values.counts[[i, j]] - 1
    parts = np.concatenate([questions[None], runs])
    degrees = satterthwaite(parts, np.concatenate([np.full((1, len(first)), size - 1), freedom]))
    error = np.sqrt(parts.sum(axis=0)) if size > 1 else np.zeros(len(first))
    low, high = t_interval(difference, error, degrees, alpha)
    p = t_test(difference, error, degrees)
    flags = in_unit(values.averaged)
    bounded = flags[first] & flags[second]
    low = np.where(bounded, np.maximum(low, -1), low)
    high = np.where(bounded, np.minimum(high, 1), high)
    if (same := error == 0).any():
        ends = bound_of_difference(np.where(bounded, difference, 0), size, alpha)
        for target, end, otherwise in zip((low, high, p), ends, (np.nan, np.nan, 1), strict=True):
            target[same] = np.where(bounded, end, otherwise)[same]
    test = CROSSED if groups is None else CROSSED_CLUSTERS
    return Paired(difference, low, high, p, error, test, degrees)


def _of_questions(
    apart: np.ndarray, mean: float, largest: float, groups: np.ndarray | None
) -> float:
    """The variance of the mean of differences; 0 where all, or all groups, are alike."""
    n = len(apart)
    if n < 2 or np.ptp(apart) <= _ROUNDING * largest:
        return 0.0
    about = apart - mean
    if groups is not None:
        if still(about[None], groups)[0]:
            return 0.0
        about = sums(about[None], groups)[0]
    return float(scale(len(about), n) * (about @ about))
