"""Sequences: what stands where, and the way back to the passage's characters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from extractive_models import tokenizer
from hypothesis import given
from hypothesis import strategies as st

from qa_bench.errors import UserError
from qa_bench.reader.extractive.layout import Layout, Shape, characters, tokens_of

TOKENIZER = tokenizer()


def made(shape: Shape, question: str, title: str, text: str) -> tuple[Layout, list[Any], Any]:
    layout = Layout(TOKENIZER, shape, 512, types=True)
    [asked] = layout.questions([question])
    named, encoding = layout.encodings([title, text])
    windows = layout.windows(asked, np.array(named.ids), np.array(encoding.ids))
    return layout, windows, encoding


def test_without_titles_it_is_the_tokenizers_own_pair() -> None:
    _, [window], _ = made(Shape(question_tokens=8), "who is louis", "x", "king of france")
    expected = TOKENIZER("who is louis", "king of france")
    assert window.ids.tolist() == expected["input_ids"]
    assert window.types.tolist() == expected["token_type_ids"]
    assert TOKENIZER.decode(window.ids[window.at : window.at + window.size]) == "king of france"


def test_with_titles_it_is_as_dprs_reader_has_it() -> None:
    from extractive_models import vocabulary
    from transformers import DPRReaderTokenizer

    _, [window], _ = made(
        Shape("segment", question_tokens=8), "who is louis", "the king", "anna ruled france"
    )
    theirs = DPRReaderTokenizer(vocab=vocabulary())(
        questions="who is louis", titles="the king", texts="anna ruled france"
    )
    assert window.ids.tolist() == theirs["input_ids"][0]
    assert TOKENIZER.decode(window.ids[window.at :]) == "anna ruled france"


@given(
    st.integers(0, 300),
    st.integers(1, 200),
    st.integers(20, 128),
    st.integers(0, 90),
    st.booleans(),
)
def test_windows_cover_the_text(
    length: int, stride: int, most: int, title: int, segment: bool
) -> None:
    shape = Shape("segment" if segment else "none", most, stride, question_tokens=6)
    layout = Layout(TOKENIZER, shape, 512, types=True)
    text = np.arange(1000, 1000 + length, dtype=np.int32)
    windows = layout.windows(np.arange(6), np.arange(100, 100 + title), text)
    seen = np.zeros(length, dtype=bool)
    for window in windows:
        assert len(window.ids) <= most
        own = window.ids[window.at : window.at + window.size]
        assert own.tolist() == text[window.first : window.first + window.size].tolist()
        assert not (window.ids[: window.at] >= 1000).any(), "an answer lies in the text only"
        assert len(window.types) == len(window.ids)
        seen[window.first : window.first + window.size] = True
    assert seen.all()
    assert not windows if not length else windows[-1].first + windows[-1].size == length
    assert len(windows) <= 1 + length // min(stride, 1 + most // 8)


@given(st.text(alphabet=st.sampled_from("abz09 .,-éİß日\u0301 "), max_size=40), st.data())
def test_spans_are_pieces_of_the_text(text: str, data: st.DataObject) -> None:
    layout = Layout(TOKENIZER, Shape(), 512, types=True)
    [encoding] = layout.encodings([text])
    if not len(encoding):
        return
    start = data.draw(st.integers(0, len(encoding) - 1))
    end = data.draw(st.integers(start, len(encoding) - 1))
    a, b = characters(encoding, start, end, full_words=False)
    first, last = characters(encoding, start, end, full_words=True)
    assert 0 <= first <= a < b <= last <= len(text)
    if first and text[first - 1 : first + 1].isascii():
        assert not text[first - 1 : first + 1].isalnum(), "an answer begins where a word does"
    back = tokens_of(encoding, a, b)
    assert back is not None
    assert back[0] <= start
    assert back[1] >= end


def test_full_words() -> None:
    [encoding] = Layout(TOKENIZER, Shape(), 512, types=True).encodings(["the rulers, kings"])
    tokens = encoding.tokens
    place = tokens.index("##l")
    a, b = characters(encoding, place, place, full_words=False)
    assert "the rulers, kings"[a:b] == "l"
    a, b = characters(encoding, place, place, full_words=True)
    assert "the rulers, kings"[a:b] == "rulers"


def test_long_questions_are_cut_and_counted() -> None:
    layout = Layout(TOKENIZER, Shape(question_tokens=3), 512, types=True)
    short, long = layout.questions(["who is", "who is the king of france"])
    assert (len(short), len(long), layout.cut_questions) == (2, 3, 1)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"title": "prefix"}, "reader.title"),
        ({"max_length": 0}, "reader.max_length"),
        ({"stride": True}, "reader.stride"),
        ({"max_length": 100}, "no room"),
    ],
)
def test_settings_out_of_range(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told):
        Shape(**settings)


def test_models_that_take_too_few_tokens() -> None:
    told = r"reader\.max_length=384, but the model has 100 positions"
    with pytest.raises(UserError, match=told):
        Layout(TOKENIZER, Shape(), 100, types=True)


def test_a_tokenizer_without_characters() -> None:
    with pytest.raises(UserError, match="does not tell where tokens lie"):
        Layout(object(), Shape(), 512, types=True)
