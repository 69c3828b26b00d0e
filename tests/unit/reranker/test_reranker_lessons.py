"""What a cross-encoder is trained on, and which questions are left out."""

from __future__ import annotations

from qa_bench.formats.dpr_training import Example, TrainingPassage
from qa_bench.reranker.lessons import Lesson, lessons
from qa_bench.types import Passage


def passages(*texts: str, score: float = 3.0, gold: int = 0) -> list[TrainingPassage]:
    return [TrainingPassage(Passage("1", "T", text), score, gold) for text in texts]


def example(
    positives: list[TrainingPassage],
    hard: list[TrainingPassage],
    drawn: list[TrainingPassage] | None = None,
) -> Example:
    return Example("set", "who?", ["x"], positives, drawn or [], hard)


GOLD = passages("gold", score=1000, gold=1)
NONE = {"without_positive": 0, "without_negative": 0, "without_score": 0}


def made(
    *examples: Example, contrasts: bool = True, distils: bool = False, negatives: int = 2
) -> tuple[list[Lesson], dict[str, int]]:
    counts: dict[str, int] = {}
    return list(lessons(examples, ". ", negatives, contrasts, distils, counts)), counts


def test_the_first_positive_then_the_hard_ones_then_the_others() -> None:
    one = example([*passages(" ", "a"), *GOLD], passages("b", " "), passages("c", "d", score=0))
    found, counts = made(one)
    assert found == [Lesson("who?", ["T. a", "T. b", "T. c"], None)]
    assert counts == NONE


def test_a_positive_is_no_negative() -> None:
    found, _ = made(example(passages("a", "b"), passages("b", "a", "c")))
    assert found[0].passages == ["T. a", "T. c"]


def test_what_is_left_out_is_counted() -> None:
    found, counts = made(
        example([], passages("b")), example(passages(""), passages("b")), example(GOLD, [])
    )
    assert found == []
    assert counts == {"without_positive": 2, "without_negative": 1, "without_score": 0}
    found, counts = made(example(GOLD, []), contrasts=False)
    assert [lesson.passages for lesson in found] == [["T. gold"]]
    assert counts == NONE


def test_a_gold_passages_thousand_is_no_teachers_score() -> None:
    """Nor is the 0 of a passage that was drawn at random, nor what is no number."""
    hard = [*passages("b", score=2.5), *passages("n", score=float("nan"))]
    drawn = [*passages("c", score=0), *passages("d", score=-1.5)]
    only_gold = example(GOLD, hard)
    both = example([*GOLD, *passages("a", score=7)], hard, drawn)
    found, counts = made(only_gold, both, distils=True, negatives=9)
    assert found == [Lesson("who?", ["T. a", "T. b", "T. d"], [7, 2.5, -1.5])]
    assert counts == {**NONE, "without_score": 1}
