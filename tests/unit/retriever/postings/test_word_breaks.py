"""Words as Lucene's StandardTokenizer cuts them."""

from __future__ import annotations

import pytest

from qa_bench.retriever.postings.word_breaks import words

CASES = {
    "O'Neil's 1,000.5 a:b x_y": ["O'Neil's", "1,000.5", "a:b", "x_y"],
    "1.a a.1 a,b 1:2 1;2 a..b .a. 'a'": [
        "1", "a", "a", "1", "a", "b", "1", "2", "1;2", "a", "b", "a", "a",
    ],
    "___ _a_ -_-": ["_a_"],
    "e\u0301t \u0301a a\u00adb": ["e\u0301t", "a", "a\u00adb"],
    "a\u00a0b a\u3000b a–b “a” don’t": ["a", "b", "a", "b", "a", "b", "a", "don’t"],
    "日本 ひら カタ_カ 한국말 ไทย": ["日", "本", "ひ", "ら", "カタ_カ", "한국말", "ไทย"],
    "שלום\"ב ה' ה'\"": ["שלום\"ב", "ה'", "ה'"],
    "👩‍👩‍👧 👍🏽 🇩🇪🇫🇷 3️⃣ #️⃣ * ©": ["👩‍👩‍👧", "👍🏽", "🇩🇪", "🇫🇷", "3️⃣", "#️⃣", "©"],
    "😀😀 ℹ️ ℹ\u200d😀 \u200d😀": ["😀", "😀", "ℹ️", "ℹ\u200d😀", "\u200d😀"],
    "٣٫١٤ 𝒂𝒃 १२": ["٣٫١٤", "𝒂𝒃", "१२"],
}  # fmt: skip


@pytest.mark.parametrize("text", CASES)
def test_words(text: str) -> None:
    assert list(words(text)) == CASES[text]


def test_a_token_ends_after_255_of_javas_characters() -> None:
    assert list(words("a" * 600)) == ["a" * 255, "a" * 255, "a" * 90]
    assert list(words("𝒂" * 200)) == ["𝒂" * 127, "𝒂" * 73]
    assert list(words("a" * 254 + ".b")) == ["a" * 254, "b"]
    assert list(words("a" * 253 + ".b")) == ["a" * 253 + ".b"]


def test_what_255_characters_cannot_hold_is_begun_one_later() -> None:
    assert list(words("_" * 300 + "a")) == ["_" * 254 + "a"]


def test_no_text_no_words() -> None:
    assert list(words("")) == list(words(" \n.-")) == []
