"""What may be compared: finite values, one a question, and codes of the groups they come from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from qa_bench.errors import UserError


def checked(values: Any) -> np.ndarray:
    """Values as float64, one row a system.

    Args:
        values: of shape (systems, n), or (n,) for one system.

    Returns:
        float64 of shape (systems, n), n >= 1.

    Raises:
        UserError: there are none, one is not a finite number, or rows differ in length.
    """
    try:
        rows = np.atleast_2d(np.asarray(values, dtype=np.float64))
    except (TypeError, ValueError):
        raise UserError("statistics: a number a question for every system, got others") from None
    if rows.ndim != 2 or 0 in rows.shape:
        raise UserError(f"statistics: one value a question at least, got shape {rows.shape}")
    finite = np.isfinite(rows)
    if not finite.all():
        row, question = (int(place) for place in np.argwhere(~finite)[0])
        raise UserError(
            f"statistics: finite values, got {rows[row, question]:g} for system {row + 1} at "
            f"question {question + 1} ({int((~finite).sum())} such values)"
        )
    return rows


def binary(values: np.ndarray) -> np.ndarray:
    """Whether each row holds nothing but 0 and 1; bool of shape (systems,)."""
    flags: np.ndarray = np.all((values == 0) | (values == 1), axis=1)
    return flags


def in_unit(values: np.ndarray) -> np.ndarray:
    """Whether each row stays within 0 and 1; bool of shape (systems,)."""
    flags: np.ndarray = np.all((values >= 0) & (values <= 1), axis=1)
    return flags


def means(values: np.ndarray) -> np.ndarray:
    """The mean of each row, float64 of shape (systems,).

    Sums are rounded once, so that rows of the same values in another order have the same mean.
    """
    total: np.ndarray = values.sum(axis=1)  # exact for 0 and 1
    for row in np.flatnonzero(~binary(values)):
        total[row] = math.fsum(values[row].tolist())
    mean: np.ndarray = total / values.shape[1]
    return mean


def codes(groups: Any, n: int) -> np.ndarray:
    """Groups as whole numbers from 0.

    Args:
        groups: a code or a name a question, of shape (n,).
        n: the questions.

    Returns:
        int64 of shape (n,).

    Raises:
        UserError: another length, or fewer than two groups.
    """
    names = np.asarray(groups)
    if names.shape != (n,):
        raise UserError(f"groups: one for each of the {n} questions, got shape {names.shape}")
    numbers = np.unique(names, return_inverse=True)[1].reshape(-1)
    if numbers.max() == 0:
        raise UserError(
            "groups: two or more, got one: a single group does not tell how much another would "
            "differ; leave groups away"
        )
    return numbers.astype(np.int64)
