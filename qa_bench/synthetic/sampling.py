"""Which passages are asked of: each article has its share, and no passage comes twice."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow.compute as pc

from qa_bench.store.passages import Passages

_WORD = r"\S+"


class Sample(NamedTuple):
    """Passages that were drawn.

    Attributes:
        rows: of the passages, ascending, int64 (drawn,).
        articles: of each drawn passage, a number, int64 (drawn,).
        eligible: passages that could have been drawn.
        short: passages that could not, as they have too few words.
        every: articles with a passage that could have been drawn.
    """

    rows: np.ndarray
    articles: np.ndarray
    eligible: int
    short: int
    every: int


def sample(passages: Passages, n: int, words: int, seed: int) -> Sample:
    """Draw ``n`` passages, or all where there are fewer.

    Articles are strata, with as many passages each as its part of all passages, rounded up or down:
    passages are laid in a row, article by article and in random order within each, and taken at
    equal distances from a random start (systematic sampling; Cochran 1977, Sampling techniques,
    chapter 8). An article is known by its id, else by its title; a passage with neither is its own.

    Args:
        passages: the corpus.
        n: how many.
        words: runs of characters without white space that a passage must have.
        seed: of the order within an article, and of the start.
    """
    long = np.concatenate(
        [
            np.zeros(0, dtype=bool),
            *(
                pc.count_substring_regex(texts, pattern=_WORD).to_numpy() >= words
                for _, _, _, texts in passages.batches()
            ),
        ]
    )
    rows = np.flatnonzero(long)
    articles = _articles(passages, rows)
    every = int(articles.max()) + 1 if len(rows) else 0
    random = np.random.default_rng(seed)
    order = np.lexsort((random.random(len(rows)), articles))
    count = min(n, len(rows))
    if count:
        places = ((random.random() + np.arange(count)) * (len(rows) / count)).astype(np.int64)
        order = np.sort(order[np.minimum(places, len(rows) - 1)])
    chosen = order[:count]
    return Sample(rows[chosen], articles[chosen], len(rows), int((~long).sum()), every)


def _articles(passages: Passages, rows: np.ndarray) -> np.ndarray:
    """The article of each row, a number from 0 in corpus order; int64 (rows,)."""
    names = passages.sources(rows) if passages.has_sources else passages.titles(rows)
    numbers: dict[str, int] = {}
    articles = np.zeros(len(rows), dtype=np.int64)
    alone = 0
    for place, name in enumerate(names):
        if name:
            articles[place] = numbers.setdefault(name, len(numbers) + alone)
        else:
            articles[place] = len(numbers) + alone
            alone += 1
    return articles
