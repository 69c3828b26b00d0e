"""Examples of three tasks, made of questions with their passages."""

from __future__ import annotations

import numpy as np
import pytest

from qa_bench.errors import UserError
from qa_bench.formats.dpr_training import Example, TrainingPassage
from qa_bench.train.tasks import by_task
from qa_bench.types import Passage

TITLES = ("Rhine", "Rhine", "Rhine", "Oslo", "Oslo", "Alone")


def example(number: int, title: str, teacher: str = "minilm") -> Example:
    positive = TrainingPassage(Passage("1", title, f"text {number}"), 0.9, 1)
    negative = TrainingPassage(Passage("2", "Other", "another text"), 0.3)
    return Example("x", f"question {number}", ["a"], [positive], [], [negative], teacher=teacher)


EXAMPLES = [example(number, title) for number, title in enumerate(TITLES)]
TITLE_OF = {one.question: title for one, title in zip(EXAMPLES, TITLES, strict=True)}


def test_retrieval_and_pairs_are_the_questions_as_they_are() -> None:
    counts: dict[str, int] = {}
    made = by_task(EXAMPLES, ["pairs", "retrieval"], 1, 0, counts)
    assert [one.dataset for one in made] == ["pairs"] * 6 + ["retrieval"] * 6
    assert made[0].score_of(made[0].positives[0]) == 0.9
    assert [one.question for one in made[:6]] == [one.question for one in made[6:]]
    assert counts == {"task_pairs": 6, "task_retrieval": 6}


def test_a_class_is_the_questions_of_one_title() -> None:
    counts: dict[str, int] = {}
    made = by_task(EXAMPLES, ["classes"], 3, 0, counts)
    assert counts == {"task_classes": 5}, "one is alone with its title"
    for one in made:
        own = TITLE_OF[one.question]
        (positive,) = [TITLE_OF[text.passage.text] for text in one.positives]
        assert positive == own
        assert one.positives[0].passage.text != one.question
        texts = [text.passage.text for text in one.hard_negatives]
        assert len(set(texts)) == 3
        assert own not in {TITLE_OF[text] for text in texts}
        assert one.hard_negatives == one.negatives
        assert np.isnan(one.score_of(one.positives[0])), "nobody has graded it"
        assert not one.answers
    assert by_task(EXAMPLES, ["classes"], 3, 0, {}) == made
    assert by_task(EXAMPLES, ["classes"], 3, 1, {}) != made
    with_others = by_task(EXAMPLES, ["retrieval", "classes"], 3, 0, {})
    assert with_others[6:] == made, "what is drawn does not depend on other tasks"


def test_refusals() -> None:
    with pytest.raises(UserError, match=r"mine with mine\.scores=true"):
        by_task([*EXAMPLES, example(7, "Oslo", "")], ["pairs"], 1, 0, {})
    with pytest.raises(UserError, match="the files have no other title than 'Rhine'"):
        by_task(EXAMPLES[:3], ["classes"], 1, 0, {})
    with pytest.raises(UserError, match="the files have no titles"):
        by_task([example(1, ""), example(2, "")], ["classes"], 1, 0, {})
