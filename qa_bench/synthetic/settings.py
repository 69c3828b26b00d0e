"""What ``synthesize`` has in the configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qa_bench.errors import UserError
from qa_bench.settings import number, strings, whole_number


@dataclass(frozen=True)
class SynthesisSettings:
    """The settings of ``synthesize``, all in the key of the set.

    Attributes:
        n: passages that are asked of.
        seed: of the choice of passages.
        words: the fewest that a passage has.
        round_trip: names of the two retrievers.
        k: how many of their hits are looked at.
        answer_words: the most tokens of an answer.
        near: the resemblance from which two questions are nearly the same.
    """

    n: int = 1000
    seed: int = 0
    words: int = 30
    round_trip: Sequence[str] = ("bm25_native", "minilm")
    k: int = 20
    answer_words: int = 10
    near: float = 0.8

    def __post_init__(self) -> None:
        """Check them.

        Raises:
            UserError: one is out of range, or there are not two different retrievers.
        """
        whole_number("synthesize.n", self.n)
        whole_number("synthesize.seed", self.seed, 0)
        whole_number("synthesize.words", self.words)
        whole_number("synthesize.k", self.k)
        whole_number("synthesize.answer_words", self.answer_words)
        number("synthesize.near", self.near, 0.5, 1)
        names = strings("synthesize.round_trip", self.round_trip)
        if len(names) != 2 or len(set(names)) != 2:
            raise UserError(
                "synthesize.round_trip: two unlike retrievers, such as [bm25_native,minilm], got "
                f"'{','.join(names)}'"
            )
