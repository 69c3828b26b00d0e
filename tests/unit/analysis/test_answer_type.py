from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_bench.analysis.answer_type import TYPES, answer_type

DATES = (
    "2008", "1066", "May 18 , 2018", "18 May 2018", "on 3 May 1887", "September", "the 1990s",
    "1866-1944", "12/25/1999", "3/4/1841", "18th century", "the 5th century BC", "44 BC", "AD 79",
    "from 1952 until 1953", "Mondays", "Summer 1969", "July -- October 2012", "circa 1500", "2014.",
)  # fmt: skip
NUMBERS = (
    "81", "two", "forty-one", "15 million", "$5", "£186k", "12.5%", "over 3,800", "6 feet",
    "247.3 million", "16 episodes", "about 300", "-40 °C", "half", "1,200", "44", "3000",
)  # fmt: skip
ENTITIES = (
    "Clara Holm", "Wilhelm Conrad Röntgen", "the Bank of England", "Juliet", "U.S.", "Apollo 11",
    "Brooklyn , New York", "Ludwig van Beethoven", "3 Doors Down",
)  # fmt: skip
OTHERS = ("tachycardia in adults", "the right", "metal", "grounded", "", "...", "to be, or not")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(text, "date") for text in DATES]
    + [(text, "number") for text in NUMBERS]
    + [(text, "entity") for text in ENTITIES]
    + [(text, "other") for text in OTHERS],
)
def test_what_an_answer_looks_like(answer: str, expected: str) -> None:
    assert answer_type(answer) == expected


@given(st.text() | st.text("0123456789 -/,.stBCjan"))
def test_every_text_has_a_type(answer: str) -> None:
    assert answer_type(answer) in TYPES


def test_long_answers_take_no_time() -> None:
    clock = time.perf_counter()
    for piece in ("1", "1 ", "may ", "1st", "12/", "Aa ", "$", "1990s-", "two-", "about "):
        answer_type(piece * 20_000 + "x")
    assert time.perf_counter() - clock < 5
