"""A part of the articles, the same in questions, corpora and training files.

So one trains on some articles and tests on others.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import xxhash

from qa_bench.errors import UserError
from qa_bench.formats.squad_articles import article_title


class Fold(NamedTuple):
    """The articles whose place lies in an interval.

    An article's place, from 0 to 1, is the xxh3_64 of its title divided by 2⁶⁴: it depends on the
    title alone, not on what else there is.

    Attributes:
        first: the lowest place.
        end: the place behind the highest.
    """

    first: float
    end: float

    @classmethod
    def of(cls, name: str, setting: Any) -> Fold | None:
        """Check a setting: ``[0, 0.1]``; None for all articles.

        Raises:
            UserError: it is no interval within [0, 1].
        """
        if setting is None:
            return None
        try:
            first, end = (float(bound) for bound in setting)
            if isinstance(setting, str) or not 0 <= first < end <= 1:
                raise ValueError
        except (TypeError, ValueError):
            raise UserError(
                f"{name}: two places between 0 and 1, as [0,0.1] for a tenth of the articles, got "
                f"'{setting}'"
            ) from None
        return cls(first, end)

    def holds(self, title: str) -> bool:
        """Whether an article is part of it; SQuAD's titles are written as in addresses."""
        place = xxhash.xxh3_64_intdigest(article_title(title).encode()) / 2**64
        return self.first <= place < self.end

    def __str__(self) -> str:
        """As in the configuration."""
        return f"[{self.first:g},{self.end:g}]"
