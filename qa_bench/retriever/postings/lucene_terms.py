"""The terms that Lucene's own analyzer makes, many texts in one crossing to Java."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qa_bench.errors import UserError
from qa_bench.retriever.bm25.java import java_errors, start_jvm

_BATCH = 1 << 16
"""Pieces that cross at once."""


class LuceneTerms:
    """Anserini's ``DefaultEnglishAnalyzer``, as its indexer and searcher have it.

    One thread at a time may ask: in pyjnius a method keeps the object it was last looked up on.
    """

    def __init__(self, stemmer: str, keep_stopwords: bool, heap: str) -> None:
        """Start the JVM.

        Raises:
            UserError: no Java, or no pyserini.
        """
        autoclass = start_jvm(heap)
        self._heap = heap
        with java_errors(heap):
            self._analyzer = autoclass("io.anserini.analysis.DefaultEnglishAnalyzer").fromArguments(
                stemmer, keep_stopwords, None
            )
            self._analyze = autoclass("io.anserini.analysis.AnalyzerUtils").analyze

    def terms(self, text: str) -> list[str]:
        """The terms of a text."""
        with java_errors(self._heap):
            listed: str = self._analyze(self._analyzer, text).toString()
        # As java.util.List says it: "[one, two]". No term holds a space.
        return listed[1:-1].split(", ") if len(listed) > 2 else []

    def of_pieces(self, pieces: Sequence[str]) -> tuple[list[str], np.ndarray]:
        """The terms of pieces, none with white space in it, and how many each has.

        Returns:
            All terms, and int64 (pieces,).

        Raises:
            UserError: Lucene did not say where a piece ends.
        """
        several: list[str] = []
        counts: list[np.ndarray] = []
        for start in range(0, len(pieces), _BATCH):
            some = pieces[start : start + _BATCH]
            text = "\n".join(some)
            end = "9"
            while end in text:  # a number is a term as it is
                end += "9"
            listed = self.terms("".join(f"{piece}\n{end}\n" for piece in some))
            ends = np.flatnonzero(np.array([term == end for term in listed], dtype=bool))
            if len(ends) != len(some):
                raise UserError("Lucene's analyzer does not leave numbers as they are")
            counts.append(np.diff(ends, prepend=-1) - 1)
            several += [term for term in listed if term != end]
        return several, np.concatenate([np.zeros(0, dtype=np.int64), *counts])
