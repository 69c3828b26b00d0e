"""What of examples a bi-encoder learns: positives, and negatives by choice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from qa_bench.errors import UserError
from qa_bench.formats.dpr_training import GOLD_SCORE, Example, TrainingPassage
from qa_bench.retriever.dense.lessons import Choice, Lessons, drawn_negatives, lessons
from qa_bench.types import Passage


def passages(texts: Sequence[str], score: float = 5) -> list[TrainingPassage]:
    return [TrainingPassage(Passage("", "t", text), score) for text in texts]


def example(question: str, positives: str, hard: str = "", random: str = "") -> Example:
    return Example("", question, ["x"], passages(positives), passages(random, 0), passages(hard))


EXAMPLES = [example("a", "pq", "qrst", "uv"), example("b", "q", "pr"), example("c", "p")]


def made(choice: Choice, counts: dict[str, int] | None = None) -> Lessons:
    return lessons(EXAMPLES, choice, {} if counts is None else counts)


def texts(of: Lessons, rows: list[np.ndarray]) -> list[str]:
    return ["".join(of.passages[place][1] for place in row.tolist()) for row in rows]


def test_passages_stand_once_and_positives_are_no_negatives() -> None:
    counts: dict[str, int] = {}
    whole = made(Choice(count=3, sampled=True), counts)
    assert [text for _, text in whole.passages] == ["p", "q", "r", "s", "t"]
    assert texts(whole, whole.positives) == ["pq", "q", "p"]
    assert texts(whole, whole.negatives) == ["rst", "pr", ""], "q answers the first question"
    assert counts == {"other_positives": 1, "few_negatives": 2}
    assert whole.golds.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("choice", "expectation"),
    [
        (Choice(count=2), ["r", "pr", ""]),
        (Choice(count=2, skip=1), ["rs", "r", ""]),
        (Choice("random", count=1), ["u", "", ""]),
        (Choice(count=0), ["", "", ""]),
    ],
)
def test_the_files_own_in_their_order(choice: Choice, expectation: list[str]) -> None:
    whole = made(choice)
    assert texts(whole, drawn_negatives(whole, choice, np.random.default_rng(0))) == expectation


def test_sampled_ones_differ_from_epoch_to_epoch() -> None:
    choice = Choice(count=1, sampled=True)
    whole = made(choice)
    seen = set()
    for epoch in range(20):
        rows = drawn_negatives(whole, choice, np.random.default_rng([0, epoch]))
        assert [len(row) for row in rows] == [1, 1, 0]
        seen.add(texts(whole, rows)[0])
    assert seen == {"r", "s", "t"}


def test_gold_passages_of_others() -> None:
    choice = Choice("gold", count=1)
    whole = made(choice)
    rows = texts(whole, drawn_negatives(whole, choice, np.random.default_rng(0)))
    assert rows == ["", "p", "q"], "no passage that answers the question itself"


def test_files_without_negatives() -> None:
    whole = made(Choice("random", skip=9))
    with pytest.raises(UserError, match="no random negatives behind the first 9"):
        drawn_negatives(whole, Choice("random", skip=9), np.random.default_rng(0))


def test_scores_are_a_teachers() -> None:
    gold = TrainingPassage(Passage("", "t", "p"), GOLD_SCORE, 1)
    one = Example("", "a", [], [gold], passages("u", 0), passages("r", 2.5))
    assert list(lessons([one], Choice(), {}).scores.values()) == [2.5]
    assert not lessons([one], Choice("random"), {}).scores


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"source": "best"}, "train.choose.from: hard, random or gold"),
        ({"skip": -1}, "train.choose.skip"),
        ({"sampled": 1}, "train.choose.sampled: true or false"),
        ({"count": True}, "train.negatives: a whole number"),
    ],
)
def test_choices_out_of_range(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told):
        Choice(**settings)
