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


REFERENCES: dict[str, Overlaps] = {
    "SQuAD": Overlaps(8669, 0.644, (2.2, 1.7, 5.4, 5.7, 6.0, 22.2, 13.3, 13.0, 13.9, 16.6)),
    "NQ": Overlaps(2348, 0.493, (4.0, 2.1, 14.6, 9.7, 12.5, 30.4, 6.7, 9.2, 6.3, 4.5)),
}
"""Of real questions and passages: SQuAD's dev split with the passages of its gold paragraphs, and
NQ's with BM25's first hit that holds an answer, in a part of Wikipedia; docs/synthesis.md has the
commands and what they are.
"""


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
