"""Numbers and dates in one form; the values are written by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_bench.metric.lenient import lenient_token_spans, lenient_tokens
from qa_bench.text import nfd


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("two", "2"),
        ("Twenty-one", "21"),
        ("two hundred and five thousand and one", "205001"),
        ("two million three hundred thousand", "2300000"),
        ("nineteen hundred", "1900"),
        ("a hundred", "100"),
        ("two three", "2 3"),
        ("two and three", "2 and 3"),
        ("nineteen ninety-nine", "19 99"),
        ("one of them", "1 of them"),
        ("someone", "someone"),
        ("1,000", "1000"),
        ("1,000,000.50", "1000000.5"),
        ("1,00", "1 00"),
        ("1,2345", "1 2345"),
        ("1.5 million", "1500000"),
        ("10 thousand", "10000"),
        ("3.0", "3"),
        ("1.2.3", "1 2 3"),
        ("007", "007"),
        ("twenty-first", "21st"),
        ("fifth", "5th"),
        ("eleventh", "11th"),
        ("1,000th", "1000th"),
        ("one hundred and third", "103rd"),
        ("March 5, 1999", "5 march 1999"),
        ("Mar. 5 1999", "5 march 1999"),
        ("5 March 1999", "5 march 1999"),
        ("the 5th of March, 1999", "5 march 1999"),
        ("fifth of March 1999", "5 march 1999"),
        ("1999-03-05", "5 march 1999"),
        ("Fourth of July", "4 july"),
        ("December thirty-first", "31 december"),
        ("Sept. 1999", "september 1999"),
        ("he may go", "he may go"),
        ("he may 5,000", "he may 5000"),
        ("March 1999", "march 1999"),
        ("March 50", "march 50"),
        ("1999-13-05", "1999 13 05"),
        ("U.S.", "u s"),
        ("The Beatles!", "beatles"),
        ("A", "a"),
        ("?!", "? !"),
        ("", ""),
    ],
)
def test_tokens(text: str, tokens: str):
    assert lenient_tokens(text) == tokens.split()


pieces = st.lists(
    st.sampled_from([*"ab15,.- ", "two ", "hundred ", "and ", "May ", "th", "é", "Ⅳ"])
).map("".join)


@given(pieces)
def test_places_are_in_order_and_inside(text: str):
    normal = nfd(text)
    spans = [(start, end) for _, start, end in lenient_token_spans(normal)]
    assert spans == sorted(spans)
    assert all(0 <= start < end <= len(normal) for start, end in spans)


@given(st.integers(0, 999_999))
def test_digits_with_commas_are_the_number(value: int):
    assert lenient_tokens(f"{value:,}") == [str(value)]


def test_a_very_long_number_is_no_trouble():
    assert lenient_tokens("1" * 5000 + " million") == ["1" * 5000 + "000000"]
