"""Aggregations on cases that are worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_bench.errors import UserError
from qa_bench.reader.extractive.aggregation import AGGREGATIONS, log_probabilities
from qa_bench.reader.extractive.spans import Spans


def spans(
    found: Sequence[tuple[int, float, str]],
    total: Sequence[float],
    relevance: Sequence[float] | None = None,
) -> Spans:
    """(passage, probability before normalising, text) of each, likewise of passages."""
    return Spans(
        np.array([passage for passage, _, _ in found]),
        np.log([weight for _, weight, _ in found]),
        [text for _, _, text in found],
        np.log(total),
        None if relevance is None else np.log(relevance),
    )


# Two passages. exp(start)·exp(end) of the spans, and what each passage's spans sum up to:
#   passage 0, relevance 1: "Paris" 6, "Rome" 2, of 10
#   passage 1, relevance 3: "rome" 4, "Oslo" 3, of 8
FOUND = [(0, 6.0, "Paris"), (0, 2.0, "Rome"), (1, 4.0, "rome!"), (1, 3.0, "Oslo")]
TOTAL, RELEVANCE = [10.0, 8.0], [1.0, 3.0]


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("dpr", "rome!"),  # passage 1 is the likelier (3 of 4); its best span has 4 of 8
        ("multi_passage_bert", "Paris"),  # 6 of 18 is more than 4 of 18
        ("drqa", "Paris"),  # 6 is more than 4
        ("gar", "rome!"),  # Rome: 1/4 · 2/10 + 3/4 · 4/8 = .425; Paris: 1/4 · 6/10 = .15
    ],
)
def test_by_hand(name: str, answer: str) -> None:
    found = spans(FOUND, TOTAL, RELEVANCE)
    assert found.texts[AGGREGATIONS[name].choose(found)] == answer


def test_votes_by_hand() -> None:
    found = spans(FOUND, TOTAL, RELEVANCE)
    assert found.relevance is not None
    votes = np.exp(log_probabilities(found, found.relevance))
    assert votes.tolist() == pytest.approx([0.15, 0.05, 0.375, 0.28125])
    everywhere = np.exp(log_probabilities(found, found.total))
    assert everywhere.tolist() == pytest.approx([6 / 18, 2 / 18, 4 / 18, 3 / 18])


def test_many_weak_votes_beat_a_strong_one() -> None:
    """Without relevance: Rome has 4 + 4 of 30, Paris 6; its stronger form answers."""
    found = spans(
        [(0, 6.0, "Paris"), (1, 3.9, "the Rome"), (2, 4.1, "Rome")], total=[10.0, 10.0, 10.0]
    )
    assert found.texts[AGGREGATIONS["gar"].choose(found)] == "Rome"
    assert found.texts[AGGREGATIONS["drqa"].choose(found)] == "Paris"


def test_dpr_takes_the_best_passage_even_where_its_span_is_weak() -> None:
    found = spans([(0, 100.0, "a"), (1, 1.0, "b"), (1, 0.5, "c")], [200.0, 2.0], [1.0, 1.1])
    assert AGGREGATIONS["dpr"].choose(found) == 1


def test_dpr_needs_relevance() -> None:
    with pytest.raises(UserError, match="needs a model that selects passages"):
        AGGREGATIONS["dpr"].choose(spans(FOUND, TOTAL))


@pytest.mark.parametrize("name", AGGREGATIONS)
def test_ties_go_to_the_first(name: str) -> None:
    found = spans([(0, 2.0, "a"), (1, 2.0, "b"), (2, 2.0, "c")], [4.0, 4.0, 4.0], [1.0, 1.0, 1.0])
    assert AGGREGATIONS[name].choose(found) == 0


LOGIT = st.floats(-800, 800)


@given(st.lists(st.lists(LOGIT, min_size=1, max_size=4), min_size=1, max_size=4))
def test_normalising_over_all_passages_changes_no_order(logits: list[list[float]]) -> None:
    found = Spans(
        np.repeat(np.arange(len(logits)), [len(one) for one in logits]),
        np.array([logit for one in logits for logit in one]),
        ["x"] * sum(map(len, logits)),
        np.array([max(one) + math.log(2) for one in logits]),
        None,
    )
    chosen = {AGGREGATIONS[name].choose(found) for name in ("drqa", "multi_passage_bert")}
    assert np.ptp(found.logits[list(chosen)]) < 1e-9, "the same, but for rounding"
