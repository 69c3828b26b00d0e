"""What a generator makes of passages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Draft(NamedTuple):
    """A question made of a passage, with the answer it should have; or why there is none.

    Attributes:
        question: empty where there is none.
        answer: a few words, which should stand in the passage.
        problem: why there is no question, in a word or two that are counted; None where there is.
    """

    question: str = ""
    answer: str = ""
    problem: str | None = None


class Drafts(list[Draft]):
    """A generator's drafts, with those that failed and what they cost.

    Attributes:
        failed: passage's place to why nobody could be asked; the next run asks again.
        costs: counts for the manifest, such as tokens.
    """

    def __init__(
        self,
        drafts: Iterable[Draft],
        failed: dict[int, str] | None = None,
        costs: dict[str, int] | None = None,
    ) -> None:
        """Keep them."""
        super().__init__(drafts)
        self.failed = failed or {}
        self.costs = costs or {}
