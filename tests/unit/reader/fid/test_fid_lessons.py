"""What fusion-in-decoder is trained on, and which questions are left out."""

from __future__ import annotations

from typing import Any

import pytest

from qa_bench.formats.dpr_training import Example, TrainingPassage
from qa_bench.reader.fid.lessons import Lesson, lessons
from qa_bench.types import Passage


def passage(text: str, score: float, gold: int = 0) -> TrainingPassage:
    return TrainingPassage(Passage("1", "T", text), score, gold)


def made(depth: int, *examples: Example) -> tuple[list[Lesson], dict[str, int]]:
    counts: dict[str, int] = {}
    return list(lessons(examples, depth, counts)), counts


@pytest.mark.parametrize(("depth", "texts"), [(9, "gbacd"), (3, "gba")])
def test_passages_are_in_the_retrievers_order(depth: int, texts: str) -> None:
    """The gold one first; those drawn at random are not read, those without a score are last."""
    example = Example(
        "set", "who?", ["x", "", "x", "y"],
        [passage("g", 1000, 1), passage("a", 5)],
        [passage("random", 0)],
        [passage("d", float("nan")), passage("b", 6), passage(" ", 9), passage("c", 2)],
    )  # fmt: skip
    [lesson], counts = made(depth, example)
    assert lesson == Lesson("who?", [("T", text) for text in texts], ["x", "y"])
    assert counts == {"without_positive": 0, "without_answer": 0}


def test_of_patterns_what_they_match_is_written() -> None:
    positives = [passage("It was 1851 or 1852.", 3), passage("In 1851, they say.", 2)]
    common: dict[str, Any] = {"negatives": [], "hard_negatives": [], "match": "regex"}
    examples = [
        Example("set", "when?", ["185[0-9]"], positives, **common),
        Example("set", "when?", ["19[0-9]{2}"], positives, **common),
        Example("set", "when?", [], positives, **common),
        Example("set", "when?", ["x"], [passage(" ", 1)], **common),
    ]
    [lesson], counts = made(5, *examples)
    assert lesson.answers == ["1851", "1852"]
    assert counts == {"without_positive": 1, "without_answer": 2}
