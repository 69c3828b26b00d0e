from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from qa_bench.errors import UserError
from qa_bench.settings import flag, number, one_of, strings, whole_number, whole_numbers


def refusal(check: Callable[..., Any], *given: Any, **more: Any) -> str:
    with pytest.raises(UserError) as caught:
        check("retriever.k", *given, **more)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_whole_numbers():
    assert whole_number("a", 1) == 1
    assert whole_number("a", 0, 0) == 0
    assert whole_number("a", 50, 1, 50) == 50
    assert whole_number("a", None, optional=True) is None


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (True, "true"),
        (False, "false"),
        (None, "null"),
        (0, "0"),
        (-3, "-3"),
        (1.0, "1.0"),
        ("7", "7"),
        (math.nan, "nan"),
        ([1], "[1]"),
    ],
)
def test_what_is_no_whole_number(value: Any, shown: str):
    assert refusal(whole_number, value) == f"retriever.k: a whole number >= 1, got '{shown}'"


def test_a_whole_number_in_a_range():
    wanted = "retriever.k: a whole number from 1 to 50, got"
    assert refusal(whole_number, 51, 1, 50) == f"{wanted} '51'"
    assert refusal(whole_number, 0, 1, 50, optional=True) == f"{wanted} '0'"
    assert refusal(whole_number, True, 0, 50, optional=True).endswith("from 0 to 50, got 'true'")


def test_lists_of_whole_numbers():
    assert whole_numbers("a", [3, 1]) == [3, 1]
    assert whole_numbers("a", (0,), 0) == [0]
    for values, shown in (
        ([], "[]"),
        ([1, 0], "[1, 0]"),
        ([True], "[True]"),
        ([1.0], "[1.0]"),
        ("12", "12"),
        (5, "5"),
        (None, "null"),
    ):
        told = refusal(whole_numbers, values)
        assert told == f"retriever.k: a list of whole numbers >= 1, got '{shown}'"


def test_numbers():
    assert number("a", -2.5) == -2.5
    assert type(number("a", 3)) is int
    assert number("a", 0, 0) == 0
    assert number("a", 1, 0, 1) == 1
    assert number("a", np.float32(0.5), 0, 1) == 0.5
    assert number("a", 0.001, above=0) == 0.001
    assert number("a", None, 0, optional=True) is None


@pytest.mark.parametrize("value", [True, False, None, "1", math.nan, math.inf, -math.inf, [1], 1j])
def test_what_is_no_number(value: Any):
    assert refusal(number, value).startswith("retriever.k: a number, got '")


@pytest.mark.parametrize(
    ("value", "bounds", "wanted"),
    [
        (-0.1, {"least": 0}, "a number >= 0"),
        (1.5, {"least": 0, "most": 1}, "a number from 0 to 1"),
        (-1, {"least": 0, "most": 1}, "a number from 0 to 1"),
        (0, {"above": 0}, "a number > 0"),
        (0.0, {"above": 0, "most": 1}, "a number > 0 and <= 1"),
        (2, {"above": 0, "most": 1}, "a number > 0 and <= 1"),
        (3, {"most": 2.5}, "a number <= 2.5"),
        (math.inf, {"least": 0}, "a number >= 0"),
        (True, {"least": 0, "optional": True}, "a number >= 0"),
    ],
)
def test_a_number_in_a_range(value: Any, bounds: dict[str, Any], wanted: str):
    shown = "true" if value is True else value
    assert refusal(number, value, **bounds) == f"retriever.k: {wanted}, got '{shown}'"


def test_flags():
    assert flag("a", True) is True
    assert flag("a", False) is False
    assert flag("a", None, optional=True) is None
    for value, shown in ((1, "1"), (0, "0"), ("no", "no"), ("true", "true"), (None, "null")):
        assert refusal(flag, value) == f"retriever.k: true or false, got '{shown}'"
    assert refusal(flag, "no", optional=True)


def test_one_of_a_few_words():
    assert one_of("a", "dot", ("cosine", "dot")) == "dot"
    assert one_of("a", None, (None, "sigmoid")) is None
    assert one_of("a", "x", {"x": 1, "y": 2}) == "x"
    assert refusal(one_of, "l1", ("cosine", "dot", "l2")) == (
        "retriever.k: cosine, dot or l2, got 'l1'"
    )
    assert refusal(one_of, True, (None, "fp16")) == "retriever.k: null or fp16, got 'true'"
    assert refusal(one_of, ["a"], {"a": 1}) == "retriever.k: a, got '['a']'"
    assert refusal(one_of, None, ("a", "b")) == "retriever.k: a or b, got 'null'"


def test_lists_of_texts():
    assert strings("a", ["x", "y"]) == ["x", "y"]
    assert strings("a", ("x",)) == ["x"]
    assert strings("a", None) == []
    assert strings("a", []) == []
    for value in ("END", 5, True, ["a", 1], [None], {"a": "b"}):
        assert refusal(strings, value).startswith("retriever.k: a list of texts, got '")
