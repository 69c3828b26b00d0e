"""How many of a question's words stand in its passage: how far BM25 alone may go."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from qa_bench.synthetic.words import FUNCTION_WORDS
from qa_bench.text import dpr_tokens, nfd

BINS = 10


class Overlaps(NamedTuple):
    """The overlaps of some questions.

    Attributes:
        n: questions with a word that counts.
        mean: of their overlaps.
        percent: of the questions, a tenth each from 0–0.1 to 0.9–1, which holds 1.
    """

    n: int
    mean: float
    percent: tuple[float, ...]


REFERENCES: dict[str, Overlaps] = {}
"""Of real questions and their passages; docs/synthesis.md has the command and what they are."""


def overlap(question: str, passage: str) -> float | None:
    """The part of a question's different words that stand in a passage; None where it has none.

    Words are DPR's tokens, small letters, without punctuation and words of grammar.
    """
    words = {word for word in dpr_tokens(nfd(question)) if _counts(word)}
    return len(words & set(dpr_tokens(nfd(passage)))) / len(words) if words else None


def overlaps(pairs: Iterable[tuple[str, str]]) -> Overlaps:
    """Those of questions with their passages, title and text."""
    values = [value for pair in pairs if (value := overlap(*pair)) is not None]
    if not values:
        return Overlaps(0, 0.0, (0.0,) * BINS)
    counts, _ = np.histogram(values, bins=BINS, range=(0, 1))
    percent = tuple(round(100 * float(count) / len(values), 1) for count in counts)
    return Overlaps(len(values), round(float(np.mean(values)), 3), percent)


def _counts(word: str) -> bool:
    return word not in FUNCTION_WORDS and any(char.isalnum() for char in word)
