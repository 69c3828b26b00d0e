"""Passages that nothing is learnt from, so that one can see whether anything was learnt."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qa_bench.errors import UserError
from qa_bench.store.passages import Passages

_SHARE, _LEAST, _MOST = 0.01, 100, 1000
"""Of the passages; at least so many passages, and at most."""


class Split(NamedTuple):
    """Rows of passages, ascending, int64.

    Attributes:
        learnt: what is learnt from.
        held_out: what is measured.
    """

    learnt: np.ndarray
    held_out: np.ndarray


def split(passages: Passages, examples: int | None, seed: int) -> Split:
    """Draw the passages that are learnt from, and those that are held out.

    Whole articles are held out, since passages of one may overlap: 1 % of the passages, at least
    100 and about 1,000 at most. Where there are too few articles for that, single passages, half of
    all at most.

    Args:
        passages: the corpus.
        examples: how many passages are taken in all; None for all there are.
        seed: of the drawing.

    Raises:
        UserError: there are fewer than two passages.
    """
    random = np.random.default_rng([seed, len(passages)])
    rows = np.arange(len(passages), dtype=np.int64)
    if examples is not None and examples < len(rows):
        rows = np.sort(random.choice(rows, examples, replace=False))
    if len(rows) < 2:
        raise UserError(
            f"{len(rows)} passages to learn from: at least two are needed, as some are held out "
            "(corpus, train.examples)"
        )
    size = min(max(_LEAST, int(len(rows) * _SHARE)), _MOST, len(rows) // 2)
    articles = _articles(passages, rows)
    order = random.permutation(int(articles.max()) + 1)
    totals = np.cumsum(np.bincount(articles)[order])
    there = np.isin(articles, order[: int(np.searchsorted(totals, size)) + 1])
    if there.sum() > min(2 * _MOST, len(rows) // 2):
        there = np.zeros(len(rows), dtype=bool)
        there[random.choice(len(rows), size, replace=False)] = True
    return Split(rows[~there], rows[there])


def _articles(passages: Passages, rows: np.ndarray) -> np.ndarray:
    """The number of each passage's article; ready-made passages may tell only its title."""
    names = passages.sources(rows) if passages.has_sources else passages.titles(rows)
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], dtype=np.int64)
