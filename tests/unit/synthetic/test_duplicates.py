"""Questions that ask the same."""

from __future__ import annotations

import random

import pytest

from qa_bench.synthetic.duplicates import _resemblance, _shingles, duplicates
from qa_bench.text import squad_normalize

BRIDGE = "Who designed the swing bridge of the old harbour in Oslo?"


def test_the_same_once_normalised() -> None:
    questions = [BRIDGE, "When was it?", BRIDGE.upper().replace("THE ", "").rstrip("?")]
    assert duplicates(questions, 0.8) == {2: (0, True)}


def test_nearly_the_same() -> None:
    other = BRIDGE.replace("designed", "designs")
    assert duplicates([BRIDGE, other], 0.7) == {1: (0, False)}
    assert duplicates([BRIDGE, other], 1) == {}


def test_another_town_is_another_question() -> None:
    one, other = (f"What is the capital of {land}?" for land in ("France", "Finland"))
    assert duplicates([one, other], 0.8) == {}


def test_the_first_stays_whatever_comes_after() -> None:
    assert duplicates([BRIDGE] * 4, 0.8) == dict.fromkeys((1, 2, 3), (0, True))


def test_short_and_empty_ones() -> None:
    assert duplicates(["", "a?", "Who?", "the", "who"], 0.8) == {
        1: (0, True),
        3: (0, True),
        4: (2, True),
    }


@pytest.mark.parametrize("near", [0.7, 0.8])
def test_pairs_are_those_of_a_comparison_of_all(near: float) -> None:
    """MinHash leaves hardly any out: here none."""
    draw = random.Random(5)
    words = ["who", "what", "when", "built", "sold", "river", "bridge", "tower", "oslo", "king"]
    questions = []
    for _ in range(120):
        question = draw.choices(words, k=9)
        questions += [" ".join(question), " ".join([*question[:-1], draw.choice(words)])]
    expected: dict[int, tuple[int, bool]] = {}
    sets = [_shingles(squad_normalize(question)) for question in questions]
    for place, own in enumerate(sets):
        same = [n for n in range(place) if questions[n] == questions[place] and n not in expected]
        alike = [
            n for n in range(place) if n not in expected and _resemblance(own, sets[n]) >= near
        ]
        if same:
            expected[place] = same[0], True
        elif alike:
            expected[place] = alike[0], False
    assert len(expected) > 20
    assert duplicates(questions, near) == expected
