"""A power law of losses: how they fall with the size of a model and with its examples.

Source: Fang et al. 2024, Scaling Laws for Dense Retrieval, for a term a variable, (A/N)^a and
(B/D)^b, here A/N^a and B/D^b; their sum with one constant as in Hoffmann et al. 2022, equation 2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from qa_bench.errors import UserError

_EXPONENTS = (1e-3, 4.0)
"""Bounds of an exponent."""
_STARTS = (0.2, 0.5, 1.0)
"""Exponents that a fit begins with."""
_FLOORS = (0.0, 0.5, 0.9)
"""Parts of the smallest loss that the constant begins with."""
_LEVELS = 3
"""Values that a variable must have: with two, its exponent and the constant are not both known."""


class Law(NamedTuple):
    """loss = Σ coefficient / x^exponent + constant, a term a variable.

    Attributes:
        coefficients: A, B, by variable.
        exponents: a, b, by variable.
        constant: d, what no size and no data take away, in the loss' unit.
        r2: share of the losses' variance that the law explains.
    """

    coefficients: Mapping[str, float]
    exponents: Mapping[str, float]
    constant: float
    r2: float

    def at(self, places: Mapping[str, np.ndarray]) -> np.ndarray:
        """The losses that the law gives; float64, shaped as the places."""
        total: np.ndarray = np.asarray(self.constant, dtype=np.float64)
        for name, exponent in self.exponents.items():
            total = total + self.coefficients[name] / np.power(places[name], exponent)
        return total


class Fit(NamedTuple):
    """A law and how sure it is.

    Attributes:
        law: of all questions.
        spans: ends of the bootstrap intervals of the exponents, by variable, and of the constant,
            by ``constant``.
        draws: resamples that they are made of.
    """

    law: Law
    spans: Mapping[str, tuple[float, float]]
    draws: int


def variables(places: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The variables that a law can be fitted to: those with more than one value.

    Args:
        places: values by variable, (points,) each.

    Raises:
        UserError: there is none, one has too few values, or there are too few points.
    """
    terms = {name: values for name, values in places.items() if len(np.unique(values)) > 1}
    if not terms:
        raise UserError(f"no law can be fitted: {' and '.join(places)} never vary")
    for name, values in terms.items():
        count = len(np.unique(values))
        if count < _LEVELS:
            raise UserError(
                f"no law can be fitted: {count} values of {name}, {_LEVELS} or more are needed, or "
                "one: choose with system=[…]"
            )
    needed = 2 * len(terms) + 2
    count = len(next(iter(places.values())))
    if count < needed:
        raise UserError(
            f"no law can be fitted: {count} points for {needed - 1} unknowns, {needed} or more are "
            "needed"
        )
    return terms


def least_squares(
    places: Mapping[str, np.ndarray], losses: np.ndarray, start: Law | None = None
) -> Law:
    """The law with the least squares, from several starts.

    Exponents are from 0.001 to 4, coefficients and the constant 0 or more; coefficients are looked
    for as logarithms, of variables divided by their geometric mean.

    Args:
        places: values by variable, all above 0, (points,) each; see ``variables``.
        losses: (points,).
        start: where to begin; None for several places.

    Raises:
        UserError: no start leads anywhere.
    """
    from scipy.optimize import curve_fit

    names = list(places)
    logs = np.stack([np.log(places[name]) for name in names])
    means = logs.mean(axis=1)
    about = logs - means[:, None]
    terms, least, most = len(names), float(losses.min()), float(losses.max())
    spread = max(most - least, 1e-12)

    def parts(parameters: Sequence[float]) -> np.ndarray:
        values = np.asarray(parameters)
        return np.exp(values[:terms, None] - values[terms : 2 * terms, None] * about)  # type: ignore[no-any-return]

    def model(_: np.ndarray, *parameters: float) -> np.ndarray:
        total: np.ndarray = parts(parameters).sum(axis=0) + parameters[-1]
        return total

    def slopes(_: np.ndarray, *parameters: float) -> np.ndarray:
        each = parts(parameters)
        return np.concatenate([each, -about * each, np.ones((1, len(losses)))]).T

    floor = np.log(spread) - 30  # a term of no weight
    low = np.array([floor] * terms + [_EXPONENTS[0]] * terms + [0.0])
    high = np.array([np.log(max(most, spread)) + 5] * terms + [_EXPONENTS[1]] * terms + [most])
    best, error = None, np.inf
    for begin in _starts(names, means, losses, start):
        try:
            solution, _ = curve_fit(
                model, about, losses, p0=np.clip(begin, low + 1e-9, high - 1e-9),
                bounds=(low, high), jac=slopes, max_nfev=2000,
            )  # fmt: skip
        except RuntimeError:
            continue
        squares = float(((model(about, *solution) - losses) ** 2).sum())
        if squares < error:
            best, error = solution, squares
    if best is None:
        raise UserError("no law can be fitted: the least squares do not settle")
    exponents = dict(zip(names, best[terms : 2 * terms].tolist(), strict=True))
    coefficients = {
        name: float(np.exp(best[place] + exponents[name] * means[place]))
        for place, name in enumerate(names)
    }
    variance = float(((losses - losses.mean()) ** 2).sum())
    r2 = 1 - error / variance if variance else float("nan")
    return Law(coefficients, exponents, float(best[-1]), r2)


def _starts(
    names: Sequence[str], means: np.ndarray, losses: np.ndarray, start: Law | None
) -> list[np.ndarray]:
    """Where a fit begins: log coefficients at the mean place, exponents, constant."""
    if start is not None:
        exponents = np.array([start.exponents[name] for name in names])
        logs = np.log([max(start.coefficients[name], 1e-300) for name in names])
        return [np.concatenate([logs - exponents * means, exponents, [start.constant]])]
    least, mean = float(losses.min()), float(losses.mean())
    begins = []
    for floor, several in product(_FLOORS, product(_STARTS, repeat=len(names))):
        weight = max((mean - floor * least) / len(names), 1e-12)
        begins.append(np.array([*[np.log(weight)] * len(names), *several, floor * least]))
    return begins


def fit(
    places: Mapping[str, np.ndarray],
    values: Sequence[np.ndarray],
    alpha: float = 0.05,
    groups: np.ndarray | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> Fit:
    """The law of mean losses, with percentile intervals.

    Each resample draws questions, or the groups that they were drawn in, the same for all points,
    and of each point with several rows (seeds) as many of them, with replacement.

    Args:
        places: values by variable, (points,) each.
        values: of each point, losses of shape (rows, questions).
        alpha: 1 − the level.
        groups: codes of the questions' groups, (questions,); None where there are none.
        draws: resamples.
        seed: of the resampling.

    Raises:
        UserError: see ``variables``.
    """
    terms = variables(places)
    law = least_squares(terms, np.array([rows.mean() for rows in values]))
    random = np.random.default_rng(seed)
    questions = values[0].shape[1]
    codes = np.arange(questions) if groups is None else groups
    count = int(codes.max()) + 1
    laws = []
    for _ in range(draws):
        often = np.bincount(random.integers(count, size=count), minlength=count)[codes]
        weights = often / often.sum()
        losses = np.array([
            (rows[random.integers(len(rows), size=len(rows))] @ weights).mean() for rows in values
        ])  # fmt: skip
        laws.append(least_squares(terms, losses, law))
    ends = (alpha / 2, 1 - alpha / 2)
    spans = {
        name: tuple(np.quantile([one.exponents[name] for one in laws], ends).tolist())
        for name in terms
    }
    spans["constant"] = tuple(np.quantile([one.constant for one in laws], ends).tolist())
    return Fit(law, spans, draws)
