"""The inverse cloze task: what is drawn of a passage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from qa_bench.errors import UserError
from qa_bench.train.ict import drawn, pseudo_questions, same_sentences, without

TEXT = "It rained. We left at 3 p.m. on a Monday. Nobody saw us."
ROWS = [("1", "Rain", TEXT), ("2", "Short", "One sentence only."), ("3", "", "A b.  C d.\nE f.")]

MakePassages = Callable[..., Any]


def test_a_sentence_and_the_passage_without_it(make_passages: MakePassages) -> None:
    passages = make_passages(ROWS)
    counts: dict[str, int] = {}
    examples = list(pseudo_questions(passages, np.arange(3), 0, 0.0, counts))
    assert counts == {"one_sentence": 1, "kept_sentences": 0}
    assert [example.positives[0].passage.pid for example in examples] == ["1", "3"]
    for example, (_, title, text) in zip(examples, (ROWS[0], ROWS[2]), strict=True):
        [positive] = example.positives
        assert example.question in text
        assert example.question not in positive.passage.text
        whole = f"{example.question} {positive.passage.text}"
        assert sorted(whole.split()) == sorted(text.split()), "nothing is lost"
        assert positive.passage.title == title, "the title stays"
        assert example.answers == example.negatives == example.hard_negatives == []


def test_one_in_ten_stays(make_passages: MakePassages) -> None:
    passages = make_passages([(str(place), "", TEXT) for place in range(2000)])
    counts: dict[str, int] = {}
    examples = list(pseudo_questions(passages, np.arange(2000), 0, counts=counts))
    stays = [example.positives[0].passage.text == TEXT for example in examples]
    assert sum(stays) == counts["kept_sentences"]
    assert 160 < sum(stays) < 240
    questions = [example.question for example in examples]
    assert all(590 < questions.count(one) < 750 for one in set(questions))
    assert len(set(questions)) == 3


def test_it_is_drawn_by_seed_and_passage(make_passages: MakePassages) -> None:
    rows = [(str(place), "", TEXT) for place in range(40)]
    passages = make_passages(rows)

    def questions(seed: int, places: np.ndarray) -> dict[str, str]:
        examples = pseudo_questions(passages, places, seed)
        return {one.positives[0].passage.pid: one.question for one in examples}

    of_all, of_some = questions(0, np.arange(40)), questions(0, np.arange(5, 20))
    assert of_some == {pid: of_all[pid] for pid in of_some}, "whatever other passages there are"
    assert questions(1, np.arange(40)) != of_all
    assert drawn("a", 3, 0, 0.0)[1] is False
    assert drawn("a", 3, 0, 1.0)[1] is True


@pytest.mark.parametrize(
    ("piece", "rest"), [("It rained.", "We left."), ("We left.", "It rained.")]
)
def test_no_white_space_is_left(piece: str, rest: str) -> None:
    text = "It rained.  \n We left."
    start = text.index(piece)
    assert without(text, start, start + len(piece)) == rest


def test_no_passage_of_two_sentences(make_passages: MakePassages) -> None:
    passages = make_passages(ROWS[1:2])
    with pytest.raises(UserError, match="none of 1 passages has two sentences"):
        list(pseudo_questions(passages, np.arange(1), 0))


def test_pairs_of_one_sentence(make_passages: MakePassages) -> None:
    examples = list(same_sentences(make_passages([*ROWS, ("4", "Empty", "")]), np.arange(4), 0))
    assert len(examples) == 3
    for example, (_, _, text) in zip(examples, ROWS, strict=True):
        [positive] = example.positives
        assert example.question == positive.passage.text
        assert example.question in text
        assert positive.passage.title == "", "both towers read the same"
