"""What is held out: whole articles where there are enough."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from qa_bench.errors import UserError
from qa_bench.train.held_out import split

MakePassages = Callable[..., Any]


def rows(articles: int, each: int) -> list[tuple[str, str, str]]:
    return [(f"{a}-{n}", f"title {a}", "text") for a in range(articles) for n in range(each)]


def test_whole_articles(make_passages: MakePassages) -> None:
    passages = make_passages(rows(200, 4))
    learnt, held_out = split(passages, None, 0)
    assert len(held_out) == 100
    assert sorted([*learnt, *held_out]) == list(range(800))
    articles = set(held_out // 4)
    assert len(articles) == 25
    assert not articles & set(learnt // 4)
    again = split(passages, None, 0)
    assert np.array_equal(again.held_out, held_out)
    assert not np.array_equal(split(passages, None, 1).held_out, held_out)


def test_of_a_few_articles_single_passages(make_passages: MakePassages) -> None:
    learnt, held_out = split(make_passages(rows(1, 30)), None, 0)
    assert (len(learnt), len(held_out)) == (15, 15)


def test_some_passages_are_drawn(make_passages: MakePassages) -> None:
    passages = make_passages(rows(900, 1))
    learnt, held_out = split(passages, 300, 0)
    assert (len(learnt), len(held_out)) == (200, 100)
    assert max(learnt) > 600, "from all of the corpus"


def test_one_passage(make_passages: MakePassages) -> None:
    with pytest.raises(UserError, match="1 passages to learn from: at least two"):
        split(make_passages(rows(1, 1)), None, 0)
