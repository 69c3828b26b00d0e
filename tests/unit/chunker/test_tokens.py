from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_bench.chunker.tokenizer import loaded_tokenizer
from qa_bench.chunker.tokens import Tokens
from qa_bench.errors import UserError
from qa_bench.types import Article

Small = Callable[[str], str]


def windows(counts: list[int], tokens: int, overlap: int) -> list[tuple[int, int]]:
    return list(Tokens(tokens, overlap).windows(np.concatenate([[0], np.cumsum(counts)])))


@pytest.mark.parametrize(
    ("counts", "tokens", "overlap", "expected"),
    [
        ([1, 1, 1], 3, 0, [(0, 3)]),
        ([1, 1, 1, 1], 3, 0, [(0, 3), (3, 4)]),
        ([1, 1, 1, 1, 1], 3, 1, [(0, 3), (2, 5)]),
        ([2, 2, 2, 2], 4, 1, [(0, 2), (2, 4)]),
        ([2, 2, 2, 2], 4, 2, [(0, 2), (1, 3), (2, 4)]),
        ([9], 4, 2, [(0, 1)]),
        ([1, 9, 1], 4, 2, [(0, 1), (1, 2), (2, 3)]),
        ([1, 1, 1, 4, 1], 4, 2, [(0, 3), (3, 4), (4, 5)]),
    ],
)
def test_windows(
    counts: list[int], tokens: int, overlap: int, expected: list[tuple[int, int]]
) -> None:
    assert windows(counts, tokens, overlap) == expected


@given(st.lists(st.integers(0, 6), min_size=1), st.integers(1, 12), st.data())
def test_windows_cover_all_words(counts: list[int], tokens: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, tokens - 1))
    found = windows(counts, tokens, overlap)
    assert found[0][0] == 0
    assert found[-1][1] == len(counts)
    for first, last in found:
        assert sum(counts[first:last]) <= tokens or last - first == 1
        assert last == len(counts) or sum(counts[first : last + 1]) > tokens, "as many as fit"
    for (_, end), (start, further) in pairwise(found):
        assert start <= end < further
        assert sum(counts[start:end]) <= overlap


@pytest.mark.parametrize("kind", ["bpe", "unigram", "bert"])
def test_passages_are_pieces_of_the_article(kind: str, small_tokenizer: Small) -> None:
    folder = small_tokenizer(kind)
    text = " The quick  brown fox\n\njumps over the lazy dog,\nagain and again: 東京 don't. " * 3
    (passages,) = Tokens(20, 5, folder).chunk([Article("1", "T", text)])
    assert len(passages) > 3
    place = 0
    loaded = loaded_tokenizer(folder, None)
    for passage in passages:
        assert passage.text == passage.text.strip()
        place = text.index(passage.text, place)
        # Alone, a text may lack the space that its first token had.
        assert len(loaded.encode(passage.text, add_special_tokens=False).ids) <= 20 + 2
    assert "\n\n" in "".join(passage.text for passage in passages)
    assert text.rstrip().endswith(passages[-1].text)


def test_blank_articles_have_no_passage() -> None:
    assert list(Tokens().chunk([Article("1", "T", ""), Article("2", "T", " \n")])) == [[], []]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tokens": 0}, r"chunker\.tokens: a whole number >= 1, got '0'"),
        ({"overlap": -1}, r"chunker\.overlap: a whole number from 0 to 255, got '-1'"),
        ({"overlap": 256}, r"chunker\.overlap: a whole number from 0 to 255, got '256'"),
    ],
)
def test_bad_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Tokens(**settings)
