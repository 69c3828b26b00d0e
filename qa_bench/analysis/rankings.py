"""How far two rankings of the same questions agree, from the ten best passages of each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from qa_bench.errors import DataError
from qa_bench.report.outcomes import Outcomes

PERSISTENCE = 0.9
"""How likely the reader of RBO's model looks at the next passage, too."""
DEPTHS = (1, 3, 5, 10)
_NONE = -1
_AT_ONCE = 256
"""Questions whose passages are parsed at once."""

CLASSES = {
    "identical": "the same passages in the same order",
    "neighbours": "the same passages, none further than one place away: near ties",
    "order": "the same passages in another order",
    "last": "all but the last one in the same order: a tie at the cut",
    "one": "one passage differs",
    "more": "more than one passage differs",
}
"""What two lists of the best passages can be to each other; a question is of the first that fits.

Scores are in no per-question file: that passages which change places with their neighbours had
nearly the same ones is an inference.
"""


class Agreement(NamedTuple):
    """Two rankings of a set's questions.

    Attributes:
        n: questions.
        depth: how many passages of a question are known, at most.
        overlap: mean share of the passages that the first k have in common, by k.
        equal: share of questions whose first k are the same passages in the same order, by k.
        rbo: mean rank-biased overlap.
        kendall: mean of Kendall's τ over the shared passages; NaN where no question has two.
        spearman: mean of Spearman's ρ, likewise.
        shared: questions with two shared passages or more, of which these are means.
        classes: how many questions are of each of ``CLASSES``.
    """

    n: int
    depth: int
    overlap: dict[int, float]
    equal: dict[int, float]
    rbo: float
    kendall: float
    spearman: float
    shared: int
    classes: dict[str, int]


def agreement(a: Outcomes, b: Outcomes) -> Agreement | None:
    """Compare two systems' rankings; None where one of them has none.

    Args:
        a: the first one's questions, with ``passages``.
        b: the second one's, in the same order.

    Raises:
        DataError: passages are not what a run writes.
    """
    pids: dict[str, int] = {}
    lists = [ranked(one, pids) for one in (a, b)]
    if lists[0] is None or lists[1] is None or not len(lists[0]):
        return None
    return of_lists(lists[0], lists[1])


def ranked(outcomes: Outcomes, pids: dict[str, int]) -> np.ndarray | None:
    """The codes of each question's best passages, int (n, depth), -1 where there is none.

    None for a system without a run.

    Args:
        outcomes: with ``passages``.
        pids: the codes; new ones are added.

    Raises:
        DataError: passages are not what a run writes.
    """
    texts = outcomes.column("passages")
    flat: list[int] = []
    lengths: list[int] = []
    for start in range(0, len(texts), _AT_ONCE):  # few at a time: their objects live shortly
        entries = passages(outcomes, texts[start : start + _AT_ONCE])
        if entries is None:
            lengths += [0] * len(texts[start : start + _AT_ONCE])
            continue
        try:
            lengths += map(len, entries)
            flat += [pids.setdefault(e["pid"], len(pids)) for of_one in entries for e in of_one]
        except (KeyError, TypeError) as error:
            raise _unknown(outcomes, error) from None
    if not any(texts):
        return None
    many = np.array(lengths)
    codes = np.full((len(texts), max(int(many.max()), 1)), _NONE, dtype=np.int64)
    codes[np.arange(codes.shape[1]) < many[:, None]] = flat
    return codes


def passages(outcomes: Outcomes, texts: Sequence[str]) -> list[list[dict[str, Any]]] | None:
    """The best passages of questions, ``rank``, ``pid`` and ``title``; None without a run.

    Args:
        outcomes: whose they are.
        texts: entries of its column ``passages``.

    Raises:
        DataError: they are not what a run writes.
    """
    if not any(texts):
        return None
    try:
        entries = json.loads(f"[{','.join(text or '[]' for text in texts)}]")
    except ValueError as error:
        raise _unknown(outcomes, error) from None
    if len(entries) != len(texts):
        raise _unknown(outcomes, ValueError(f"{len(entries)} lists for {len(texts)} questions"))
    return entries  # type: ignore[no-any-return]


def _unknown(outcomes: Outcomes, error: Exception) -> DataError:
    return DataError(
        f"passages are no lists of rank, pid and title ({error}): run it again",
        outcomes.path.with_suffix(".csv"),
    )


def of_lists(a: np.ndarray, b: np.ndarray) -> Agreement:
    """Compare two rankings.

    Args:
        a: codes of passages, best first, int (n, depth of the first), -1 behind the last.
        b: the same of the second, (n, depth of the second).
    """
    depth = max(a.shape[1], b.shape[1])
    a, b = (_padded(one, depth) for one in (a, b))
    same = (a[:, :, None] == b[:, None, :]) & (a[:, :, None] != _NONE)
    common = np.stack([same[:, :k, :k].sum(axis=(1, 2)) for k in range(1, depth + 1)], axis=1)
    lengths = np.stack([(one != _NONE).sum(axis=1) for one in (a, b)])
    kendall, spearman = _correlations(same)
    pairs = np.isfinite(kendall)
    depths = [k for k in DEPTHS if k <= depth]
    return Agreement(
        n=len(a),
        depth=depth,
        overlap={k: float(_overlap(common, lengths, k).mean()) for k in depths},
        equal={k: float((a[:, :k] == b[:, :k]).all(axis=1).mean()) for k in depths},
        rbo=float(rbo(common, lengths).mean()),
        kendall=float(kendall[pairs].mean()) if pairs.any() else float("nan"),
        spearman=float(spearman[pairs].mean()) if pairs.any() else float("nan"),
        shared=int(pairs.sum()),
        classes=_classes(a, b, same, common, lengths),
    )


def _padded(lists: np.ndarray, depth: int) -> np.ndarray:
    missing = np.full((len(lists), depth - lists.shape[1]), _NONE, dtype=np.int64)
    return np.concatenate([lists, missing], axis=1)


def _overlap(common: np.ndarray, lengths: np.ndarray, k: int) -> np.ndarray:
    """Of the longer list's first k, the share that both have; 1 where neither has a passage."""
    most = np.minimum(lengths.max(axis=0), k)
    return np.where(most == 0, 1.0, common[:, k - 1] / np.maximum(most, 1))


def rbo(common: np.ndarray, lengths: np.ndarray, p: float = PERSISTENCE) -> np.ndarray:
    """Rank-biased overlap, extrapolated behind the ends of the lists; (n,).

    With X_d the passages that both have among their first d, s ≤ l the lengths,
    (1 − p)/p · (Σ_{d ≤ l} X_d/d · p^d + Σ_{s < d ≤ l} X_s (d − s)/(s d) · p^d)
    + ((X_l − X_s)/l + X_s/s) · p^l.

    Source: Webber, Moffat and Zobel 2010, A Similarity Measure for Indefinite Rankings, ACM TOIS
    28(4):20, equation 32. Two empty lists are the same: 1; an empty and another share nothing: 0.

    Args:
        common: X_d, int (n, depth).
        lengths: of both lists, int (2, n).
        p: persistence.
    """
    depth = common.shape[1]
    d = np.arange(1, depth + 1)
    short, long = lengths.min(axis=0), lengths.max(axis=0)
    rows = np.arange(len(common))
    at_short = np.where(short > 0, common[rows, np.maximum(short, 1) - 1], 0)
    at_long = np.where(long > 0, common[rows, np.maximum(long, 1) - 1], 0)
    s, longest = np.maximum(short, 1), np.maximum(long, 1)
    weights = p**d / d * (d <= long[:, None])
    seen = (common * weights).sum(axis=1)
    beyond = (weights * (d > short[:, None]) * (d - s[:, None])).sum(axis=1) * at_short / s
    rest = ((at_long - at_short) / longest + at_short / s) * p**long
    both_empty = (long == 0).astype(np.float64)
    value: np.ndarray = np.where(short == 0, both_empty, (1 - p) / p * (seen + beyond) + rest)
    return value


def _correlations(same: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Kendall's τ and Spearman's ρ of the shared passages; NaN where there are less than two.

    Neither list has ties: ρ = 1 − 6 Σ d² / (m (m² − 1)), τ = (concordant − discordant) / pairs.
    """
    shared = np.asarray(same.any(axis=2))
    place = np.where(shared, same.argmax(axis=2), 0)
    m = shared.sum(axis=1)
    both = shared[:, :, None] & shared[:, None, :]
    behind = place[:, :, None] < place[:, None, :]
    above = np.triu(np.ones(both.shape[1:], dtype=bool), 1)
    signs = np.where(behind, 1, -1) * (both & above)
    first = np.where(shared, shared.cumsum(axis=1) - 1, 0)
    # In the second list, how many of the shared ones stand before each.
    second = (both & behind).sum(axis=1)
    squares = (np.where(shared, first - second, 0) ** 2).sum(axis=1)
    several = m >= 2
    size = np.where(several, m, 2)
    kendall = signs.sum(axis=(1, 2)) / (size * (size - 1) / 2)
    spearman = 1 - 6 * squares / (size * (size**2 - 1.0))
    return np.where(several, kendall, np.nan), np.where(several, spearman, np.nan)


def _classes(
    a: np.ndarray, b: np.ndarray, same: np.ndarray, common: np.ndarray, lengths: np.ndarray
) -> dict[str, int]:
    """How many questions are of each of ``CLASSES``."""
    most = lengths.max(axis=0)
    missing = most - common[:, -1]
    equal = (a == b).all(axis=1)
    places = np.arange(a.shape[1])
    near = (~same | (np.abs(places[:, None] - places[None, :]) <= 1)).all(axis=(1, 2))
    last = ((a == b) | (places == most[:, None] - 1)).all(axis=1)
    rules: Sequence[np.ndarray] = (
        equal,
        (missing == 0) & near,
        missing == 0,
        (missing == 1) & last,
        missing == 1,
        np.ones(len(a), dtype=bool),
    )
    left = np.ones(len(a), dtype=bool)
    counts = {}
    for name, rule in zip(CLASSES, rules, strict=True):
        counts[name] = int((left & rule).sum())
        left &= ~rule
    return counts
