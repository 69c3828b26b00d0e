"""Batches of contrastive training: each example once, no passage twice."""

from __future__ import annotations

import numpy as np
import pytest

from qa_bench.train.batches import contrastive


@pytest.mark.parametrize("distinct", [True, False])
def test_every_example_is_in_one_step(distinct: bool) -> None:
    golds = np.array([0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7])
    made = contrastive(golds, 3, np.random.default_rng(0), distinct)
    assert len(made.places) == 4
    assert sorted(np.concatenate(made.places).tolist()) == list(range(11))
    assert max(map(len, made.places)) == 3
    assert made.left_out == 0


def test_no_passage_answers_two_questions_of_a_step() -> None:
    golds = np.repeat(np.arange(40), 5)
    made = contrastive(golds, 32, np.random.default_rng(0), True)
    for places in made.places:
        assert len(set(golds[places].tolist())) == len(places)
    assert made.moved > 0
    apart = contrastive(golds, 32, np.random.default_rng(0), False)
    assert any(len(set(golds[p].tolist())) < len(p) for p in apart.places), "else it tests nothing"
    assert apart.moved == 0


def test_what_fits_into_no_step_is_counted() -> None:
    made = contrastive(np.zeros(5, np.int64), 2, np.random.default_rng(0), True)
    assert (made.left_out, len(made.places)) == (2, 3)
    assert sum(map(len, made.places)) == 3


def test_the_order_is_the_seeds() -> None:
    golds = np.arange(50)

    def order(seed: int) -> list[int]:
        made = contrastive(golds, 8, np.random.default_rng(seed), True)
        return [int(place) for places in made.places for place in places]

    assert order(1) == order(1) != order(2)
    assert order(1) != sorted(order(1))
