from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_bench.chunker.sentences import Sentences
from qa_bench.errors import UserError
from qa_bench.types import Article, Passage


def cut(count: int, **settings: Any) -> list[list[int]]:
    """The numbers of the sentences in each passage of an article of ``count`` sentences."""
    text = " ".join(f"Number {number} stands." for number in range(count))
    (passages,) = Sentences(**settings).chunk([Article("1", "T", text)])
    return [[int(word) for word in p.text.split() if word.isdigit()] for p in passages]


@pytest.mark.parametrize(
    ("count", "settings", "expected"),
    [
        (0, {}, []),
        (1, {}, [[0]]),
        (6, {"stride": 3}, [[0, 1, 2, 3, 4, 5]]),
        (7, {"stride": 3}, [[0, 1, 2, 3, 4, 5], [3, 4, 5, 6]]),
        (9, {"stride": 3}, [[0, 1, 2, 3, 4, 5], [3, 4, 5, 6, 7, 8]]),
        (4, {"sentences": 2}, [[0, 1], [2, 3]]),
        (3, {"sentences": 2}, [[0, 1], [2]]),
    ],
)
def test_windows(count: int, settings: dict[str, Any], expected: list[list[int]]) -> None:
    assert cut(count, **settings) == expected


@given(st.integers(0, 40), st.integers(1, 9), st.data())
def test_every_sentence_is_in_a_window(count: int, size: int, data: st.DataObject) -> None:
    stride = data.draw(st.integers(1, size))
    found = cut(count, sentences=size, stride=stride)
    assert {number for window in found for number in window} == set(range(count))
    for place, window in enumerate(found):
        assert window == list(range(place * stride, min(place * stride + size, count)))
    assert len(found) < 2 or found[-1][-1] > found[-2][-1]


def test_a_passage_is_one_line() -> None:
    article = Article("1", "T", "T\n\nOne  is\there. Two is\nthere.")
    (passages,) = Sentences(sentences=8).chunk([article])
    assert passages == [Passage("", "T", "T One is here. Two is there.")]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sentences": 0}, "chunker.sentences: a whole number >= 1, got '0'"),
        ({"sentences": "six"}, "chunker.sentences: a whole number >= 1, got 'six'"),
        ({"stride": 0}, "chunker.stride: a whole number from 1 to 6, got '0'"),
        ({"stride": 7}, "chunker.stride: a whole number from 1 to 6, got '7'"),
        ({"skip_titles": ["("]}, r"chunker\.skip_titles: "),
        ({"skip_titles": "x"}, r"chunker\.skip_titles: a list of texts"),
    ],
)
def test_bad_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Sentences(**settings)
