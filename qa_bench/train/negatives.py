"""Which hits of a teacher become hard negatives, and why the others do not.

A hit that answers the question after all teaches the opposite of what it should. NV-Retriever's
rules hold a hit against the positive's score, Arctic's against a fixed one; ranges leave out the
first hits or the last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import xxhash

from qa_bench.errors import UserError
from qa_bench.settings import flag, number, whole_number

CHOSEN = 0
REASONS = (
    "chosen",
    "positive",
    "answer",
    "skipped",
    "behind",
    "margin",
    "percentage",
    "max_score",
    "min_score",
    "surplus",
)
"""What becomes of a hit, by its code: the first of these that holds."""
_POSITIVE, _ANSWER, _SKIPPED, _BEHIND, _MARGIN, _PERCENTAGE, _MAX, _MIN, _SURPLUS = range(1, 10)


@dataclass(frozen=True)
class HitChoice:
    """How hard negatives are chosen among the hits of a question.

    Attributes:
        count: at most so many a question; None for all.
        skip: the first so many hits are none (NV-Retriever's top-k shifted by n).
        until: nor are those behind this rank; None for no such bound.
        sampled: drawn by the question's id among those that may be, not the best of them (ANCE).
        margin: a negative scores less than the positive by more than this (NV-Retriever's
            TopK-MarginPos).
        percentage: a negative scores less than this part of the positive's score (TopK-PercPos, .95
            there). Of a positive score p and a part r: less than p − (1 − r)·|p|, which is r·p
            where p is positive; r·p itself would let harder ones through where p is negative.
        max_score: a negative scores less than this (Arctic-embed's threshold).
        min_score: a negative scores this at least.
        seed: of the drawing.

    Source: Moreira et al. 2024 (NV-Retriever, section 3); Merrick et al. 2024 (Arctic-embed);
    Xiong et al. 2021 (ANCE: drawn from the first 200).
    """

    count: int | None = None
    skip: int = 0
    until: int | None = None
    sampled: bool = False
    margin: float | None = None
    percentage: float | None = None
    max_score: float | None = None
    min_score: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            UserError: one is out of range, or two do not go together.
        """
        whole_number("mine.from.hits", self.count, 0, optional=True)
        whole_number("mine.skip", self.skip, 0)
        whole_number("mine.until", self.until, optional=True)
        flag("mine.sampled", self.sampled)
        number("mine.margin", self.margin, 0, optional=True)
        number("mine.percentage", self.percentage, 0, 1, optional=True)
        number("mine.max_score", self.max_score, optional=True)
        number("mine.min_score", self.min_score, optional=True)
        whole_number("mine.seed", self.seed, 0)
        if self.until is not None and self.until <= self.skip:
            raise UserError(
                f"mine.until={self.until} and mine.skip={self.skip} leave no rank between them"
            )
        if self.sampled and self.count is None:
            raise UserError(
                "mine.sampled draws some of the hits: say how many, 'mine.from={hits: 7}'"
            )
        low, high = self.min_score, self.max_score
        if low is not None and high is not None and low >= high:
            raise UserError(f"mine.min_score={low:g} and mine.max_score={high:g} leave no score")

    @property
    def by_positive(self) -> bool:
        """Whether it looks at the positive's score."""
        return self.margin is not None or self.percentage is not None


class Candidates(NamedTuple):
    """The hits of some questions, best first within a question.

    Attributes:
        questions: the place of each hit's question, ascending; (hits,) int.
        rows: each hit's passage; (hits,) int.
        scores: what the teacher gave; (hits,) float.
        positive: whether the hit is the question's positive; (hits,) bool.
        answer: whether it may be no negative because it holds an answer; (hits,) bool.
    """

    questions: np.ndarray
    rows: np.ndarray
    scores: np.ndarray
    positive: np.ndarray
    answer: np.ndarray


def choose(
    candidates: Candidates, positives: np.ndarray, qids: list[str], choice: HitChoice
) -> np.ndarray:
    """What becomes of each hit: a place in ``REASONS``; (hits,) int8.

    Args:
        candidates: the hits.
        positives: the score of each question's positive, -inf where it is below all hits;
            (questions,) float. Looked at only where ``choice.by_positive``.
        qids: the questions' ids, which decide what is drawn.
        choice: the rules.
    """
    scores = candidates.scores.astype(np.float64)
    fate = np.zeros(len(scores), dtype=np.int8)
    starts = np.searchsorted(candidates.questions, np.arange(len(qids)))
    ranks = np.arange(len(scores)) - starts[candidates.questions] + 1

    def drop(reason: int, where: np.ndarray) -> None:
        fate[(fate == CHOSEN) & where] = reason

    drop(_POSITIVE, candidates.positive)
    drop(_ANSWER, candidates.answer)
    drop(_SKIPPED, ranks <= choice.skip)
    if choice.until is not None:
        drop(_BEHIND, ranks > choice.until)
    if choice.by_positive:
        of_positive = np.asarray(positives, dtype=np.float64)[candidates.questions]
        if choice.margin is not None:
            drop(_MARGIN, scores >= of_positive - choice.margin)
        if choice.percentage is not None:
            bound = of_positive - (1 - choice.percentage) * np.abs(of_positive)
            drop(_PERCENTAGE, scores >= bound)
    if choice.max_score is not None:
        drop(_MAX, scores >= choice.max_score)
    if choice.min_score is not None:
        drop(_MIN, scores < choice.min_score)
    if choice.count is not None:
        _cut(candidates, fate, qids, choice.count, choice.seed if choice.sampled else None)
    return fate


def _cut(
    candidates: Candidates, fate: np.ndarray, qids: list[str], count: int, seed: int | None
) -> None:
    """Leave ``count`` a question: the best, or, with a seed, those that chance puts first."""
    places = np.flatnonzero(fate == CHOSEN)
    questions = candidates.questions[places]
    if seed is not None:
        places = places[
            np.lexsort((_lots(candidates.rows[places], questions, qids, seed), questions))
        ]
    first = np.searchsorted(questions, questions)  # ascending, however the places are ordered
    fate[places[np.arange(len(places)) - first >= count]] = _SURPLUS


def _lots(rows: np.ndarray, questions: np.ndarray, qids: list[str], seed: int) -> np.ndarray:
    """A number for each (question, passage): the same however many others there are; uint64.

    Source of the mixing: splitmix64 (Steele et al. 2014, Fast splittable pseudorandom generators).
    """
    of_question = np.array(
        [xxhash.xxh3_64_intdigest(f"{seed}/{qid}".encode()) for qid in qids], dtype=np.uint64
    )
    mixed = of_question[questions] + (rows.astype(np.uint64) + np.uint64(1)) * np.uint64(
        0x9E3779B97F4A7C15
    )
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)), dtype=np.uint64)
