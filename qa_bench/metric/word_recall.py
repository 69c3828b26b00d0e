"""Answer recall by how much must be read: passages of any length, compared fairly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qa_bench.metric.evidence import Evidence
from qa_bench.parts import Part
from qa_bench.settings import whole_numbers
from qa_bench.types import Heading


class WordRecall(Part):
    """The share of questions whose answer is found before so many words are read.

    Passages are read whole, best first, so a passage that begins within the budget and ends beyond
    it does not count. With passages of w words, ``word_recall@n`` is ``answer_recall@k`` at
    k = n / w; unlike that, it compares chunkers whose passages differ in length.
    """

    def __init__(self, words: Sequence[int] = (500, 1000, 2000, 5000)) -> None:
        """Check the budgets.

        Raises:
            UserError: no budget, or one below 1.
        """
        self._words = sorted(set(whole_numbers("metrics.word_recall.words", words)))

    def heading(self, column: str) -> Heading:
        """The budget."""
        return Heading(f"{column.partition('@')[2]} words")

    def score(self, evidence: Evidence) -> dict[str, np.ndarray]:
        """``word_recall@n``: 1 where the passages down to the first with an answer have n words.

        Or fewer. Words are what ``str.split`` gives; titles are not counted. There is no column for
        an n that the search was not deep enough to tell.
        """
        read, first = evidence.words_read, evidence.first_ranks
        if read is None or first is None:
            return {}
        return {
            f"word_recall@{words}": ((first > 0) & (read <= words)).astype(np.float64)
            for words in self._words
            if not ((first == 0) & (read < words)).any()
        }
