"""The difference of two systems on the same questions."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from qa_bench.errors import UserError
from qa_bench.statistics.paired import paired, wins
from qa_bench.statistics.values import checked, codes


class Difference(NamedTuple):
    """How far two systems are apart.

    Attributes:
        difference: mean of the first − mean of the second.
        low: lower end of its interval; NaN where the values tell none.
        high: upper end.
        p: two-sided; of this pair, not adjusted for others.
        test: mcnemar-midp, paired-t or cluster-t.
        wins: questions at which the first has the higher value.
        losses: questions at which the second has.
        ties: the others.
        error: standard error of the difference.
    """

    difference: float
    low: float
    high: float
    p: float
    test: str
    wins: int
    losses: int
    ties: int
    error: float


def difference(a: Any, b: Any, alpha: float = 0.05, groups: Any = None) -> Difference:
    """Compare two systems, always question by question.

    Args:
        a: the first one's values, of shape (n,).
        b: the second one's, for the same questions in the same order.
        alpha: 1 − the level of the interval.
        groups: a code or name a question, (n,): what was drawn together, such as an article.

    Raises:
        UserError: the two are of different length, a value is not finite, or there is one group.
    """
    rows = [checked(a), checked(b)]
    sizes = [row.size for row in rows]
    if sizes[0] != sizes[1] or len(rows[0]) != 1 or len(rows[1]) != 1:
        raise UserError(
            f"statistics: the same questions for both systems, got {sizes[0]} and {sizes[1]} values"
        )
    values = np.concatenate(rows)
    places = None if groups is None else codes(groups, sizes[0])
    first, second = np.array([0]), np.array([1])
    pair = paired(values, first, second, alpha, places)
    won, lost = int(wins(values, first, second)[0]), int(wins(values, second, first)[0])
    return Difference(
        difference=float(pair.difference[0]),
        low=float(pair.low[0]),
        high=float(pair.high[0]),
        p=float(pair.p[0]),
        test=pair.test,
        wins=won,
        losses=lost,
        ties=sizes[0] - won - lost,
        error=float(pair.error[0]),
    )
