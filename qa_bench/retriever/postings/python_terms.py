"""Lucene's English analysis without Java: words, possessives, lower case, stop words, Porter's stems.

Anserini's ``DefaultEnglishAnalyzer`` makes the same terms, which the tests compare.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from qa_bench.retriever.postings.porter import stems
from qa_bench.retriever.postings.word_breaks import LONGEST, words

STOP_WORDS = frozenset(
    "a an and are as at be but by for if in into is it no not of on or such that the their then "
    "there these they this to was will with".split()
)
"""Lucene's ``EnglishAnalyzer.ENGLISH_STOP_WORDS_SET``."""

_POSSESSIVES = tuple(quote + letter for quote in "'’＇" for letter in "sS")
_ONE_BY_ONE = {ord("İ"): "i", ord("Σ"): "σ"}
"""Java lowers each character for itself: no dot of its own, no final sigma."""


class PythonTerms:
    """The rules in Python."""

    def __init__(self, stem: bool, keep_stopwords: bool) -> None:
        """Take Porter's stems or the words, and stop words or none."""
        self._stem = stem
        self._stop_words = frozenset() if keep_stopwords else STOP_WORDS

    def terms(self, text: str) -> list[str]:
        """The terms of a text."""
        return self._stems(self._words(words(text)))

    def of_pieces(self, pieces: Sequence[str]) -> tuple[list[str], np.ndarray]:
        """The terms of pieces (``pieces.cut``), and how many each has; int64 (pieces,)."""
        several: list[str] = []
        counts = np.zeros(len(pieces), dtype=np.int64)
        for number, piece in enumerate(pieces):
            if piece.isascii() and len(piece) <= LONGEST:
                some = self._words((piece,)) if piece.strip("_") else []
            else:
                some = self._words(words(piece))
            several += some
            counts[number] = len(some)
        return self._stems(several), counts

    def _words(self, tokens: Iterable[str]) -> list[str]:
        """What is left of tokens but for their stems."""
        left = []
        for token in tokens:
            word = token[:-2] if token.endswith(_POSSESSIVES) else token
            word = word.lower() if word.isascii() else word.translate(_ONE_BY_ONE).lower()
            if word not in self._stop_words:
                left.append(word)
        return left

    def _stems(self, several: list[str]) -> list[str]:
        return stems(several) if self._stem else several
