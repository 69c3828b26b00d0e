from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_bench.chunker.recursive import Recursive
from qa_bench.errors import UserError
from qa_bench.types import Article


def texts(text: str, **settings: Any) -> list[str]:
    (passages,) = Recursive(**settings).chunk([Article("1", "T", text)])
    return [passage.text for passage in passages]


@pytest.mark.parametrize(
    ("text", "characters", "overlap", "expected"),
    [
        ("one two", 10, 0, ["one two"]),
        ("one two three", 8, 0, ["one two", "three"]),
        ("one two three four", 10, 4, ["one two", "two three", "four"]),
        ("aa\n\nbb\n\ncc", 8, 0, ["aa\n\nbb", "cc"]),
        ("a b c d e f\n\nx", 6, 0, ["a b c", "d e f", "x"]),
        ("It is. So it is. Yes.", 8, 0, ["It is.", "So it", "is.", "Yes."]),
        ("abcdefgh", 3, 0, ["abc", "def", "gh"]),
        ("abcdefgh", 3, 1, ["abc", "cde", "efg", "gh"]),
        ("  \n\n ", 3, 1, []),
        ("", 3, 1, []),
    ],
)
def test_examples(text: str, characters: int, overlap: int, expected: list[str]) -> None:
    assert texts(text, characters=characters, overlap=overlap) == expected


words = st.text(alphabet="ab. \n", max_size=200)


@given(words, st.integers(1, 20), st.data())
def test_passages_are_pieces_of_the_text_in_order(
    text: str, characters: int, data: st.DataObject
) -> None:
    overlap = data.draw(st.integers(0, characters - 1))
    kind = Recursive(characters, overlap)
    spans = list(kind._cut(text, (0, len(text)), 0))
    assert all(0 <= end - start <= characters for start, end in spans)
    covered = 0
    for start, end in spans:
        assert start <= covered
        assert covered - start <= overlap
        assert end > covered or not text
        covered = end
    assert covered == len(text)
    found = [text[start:end].strip() for start, end in spans]
    assert texts(text, characters=characters, overlap=overlap) == [one for one in found if one]


@given(words, st.integers(1, 20))
def test_what_has_no_separator_stays_whole_without_the_last(text: str, characters: int) -> None:
    pieces = texts(text, characters=characters, overlap=0, separators=["\n", " "])
    assert "".join("".join(piece.split()) for piece in pieces) == "".join(text.split())
    assert all(len(piece) <= characters or not set(piece) & {"\n", " "} for piece in pieces)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"characters": 0}, "chunker.characters: a whole number >= 1, got '0'"),
        ({"overlap": -1}, "chunker.overlap: a whole number from 0 to 999, got '-1'"),
        ({"characters": 5, "overlap": 5}, "chunker.overlap: a whole number from 0 to 4, got '5'"),
        ({"separators": "\n"}, "chunker.separators: a list of texts"),
        ({"separators": []}, "chunker.separators: one text or more"),
        ({"separators": ["", " "]}, 'chunker.separators: one text or more, "" only at the end'),
    ],
)
def test_bad_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Recursive(**settings)
