from __future__ import annotations

import sys
import unicodedata

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from qa_bench.text import (
    dpr_token_spans,
    dpr_tokens,
    drqa_token_spans,
    drqa_tokens,
    nfd,
    nfd_origins,
    squad_normalize,
    squad_origins,
    straight_apostrophes,
)

REFERENCE = regex.compile(
    r"([\p{L}\p{N}\p{M}]+)|([^\p{Z}\p{C}])", regex.IGNORECASE | regex.UNICODE | regex.MULTILINE
)
BLOCK = 256


def reference_tokens(text: str) -> list[str]:
    return [found.group().lower() for found in REFERENCE.finditer(text)]


def test_every_code_point_is_tokenised_as_by_the_reference():
    for start in range(0, sys.maxunicode + 1, BLOCK):
        block = [chr(code) for code in range(start, start + BLOCK)]
        # A capital sigma sends the whole text another way: it has a test of its own.
        text = "".join(f"{character} a{character}-" for character in block if character != "Σ")
        assert dpr_tokens(text) == reference_tokens(text), f"U+{start:04X}"


def test_every_ascii_character_alone():
    for code in range(128):
        assert dpr_tokens(chr(code)) == reference_tokens(chr(code)), code


@given(st.text(st.sampled_from("aZ09 .'-’ΣσςΟοé\u0301İı²\u200b\u00ad東京\U0001f600\n\u2028")))
def test_mixed_text_is_tokenised_as_by_the_reference(text: str):
    assert dpr_tokens(nfd(text)) == reference_tokens(nfd(text))


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        (" \t\n", []),
        ("Jean-Luc", ["jean", "-", "luc"]),
        ("U.S.", ["u", ".", "s", "."]),
        ("1,234.5", ["1", ",", "234", ".", "5"]),
        ("$5+", ["$", "5", "+"]),
        ("don't", ["don", "'", "t"]),
        ("New\u200bYork\u00a0City", ["new", "york", "city"]),
        ("Beyonce\u0301!", ["beyonce\u0301", "!"]),
        ("東京です。", ["東京です", "。"]),
        ("km² ½", ["km²", "½"]),
        ("“Hi”", ["“", "hi", "”"]),
    ],
)
def test_dpr_tokens(text: str, tokens: list[str]):
    assert dpr_tokens(text) == tokens


def test_a_capital_sigma_is_lowered_by_its_place_in_the_token():
    assert "ΟΔΟΣ'Α".lower() == "οδοσ'α"
    assert dpr_tokens("ΟΔΟΣ'Α") == ["οδος", "'", "α"]
    assert dpr_tokens("ΣΑΣ Σ") == ["σας", "σ"]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        ("a total of 1,234,567 or 3.14", ["a", "total", "of", "1,234,567", "or", "3.14"]),
        ("Jean-Luc, 42-year-old", ["jean-luc", ",", "42", "-", "year-old"]),
        ("twenty\u2011one", ["twenty\u2011one"]),
        ("in the U.S. now", ["in", "the", "u.s.", "now"]),
        ("the U.S.!", ["the", "u", ".", "s", ".", "!"]),
        ("Mr. Smith, Dr.", ["mr.", "smith", ",", "dr", "."]),
        ("I don't, can't, cannot", ["i", "do", "n't", ",", "ca", "n't", ",", "can", "not"]),
        ("he's we'll I'm", ["he", "'s", "we", "'ll", "i", "'m"]),
        ('say "yes" («ja»)', ["say", "``", "yes", "''", "(", "``", "ja", "''", ")"]),
        ("the ‘quoted’ word", ["the", "`", "quoted", "'", "word"]),
        ("1939–1945 -- so… and...", ["1939", "--", "1945", "--", "so", "...", "and", "..."]),
        ("$5 €", ["$", "5", "€"]),
        ("New\u200bYork", ["new", "york"]),
    ],
)
def test_drqa_tokens(text: str, tokens: list[str]):
    assert drqa_tokens(text) == tokens


@pytest.mark.parametrize(
    ("text", "normalised"),
    [
        ("The  Lord of the Rings!", "lord of rings"),
        ("U.S.A.", "usa"),
        ("Theatre and anthem", "theatre and anthem"),
        ("a", ""),
        ("...", ""),
        ("New\u00a0York\tCity\n", "new york city"),
        ("Schindler’s", "schindler’s"),
        ("Schindler's", "schindlers"),
        ("the-man", "theman"),
        ("a–b the", "–b"),
        ("Straße É", "straße é"),
    ],
)
def test_squad_normalize(text: str, normalised: str):
    assert squad_normalize(text) == normalised


@given(st.text())
def test_nothing_is_left_to_normalise(text: str):
    once = squad_normalize(text)
    assert once == " ".join(once.split())
    assert not set(once) & set("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")


@given(st.text())
def test_nfd_is_unicodes(text: str):
    assert nfd(text) == unicodedata.normalize("NFD", text)


# Back to the text

COMPOSED = (
    "aZ9 .'’éÅ\u212bΐİıΣς한각\u0301\u0323\u0327\u0345\u0344\u0f73\u1fed≠½東\U0001f600\n\x1c\u2028"
)
mixed = st.text() | st.text(st.sampled_from(COMPOSED))


@given(mixed)
def test_every_character_in_nfd_comes_from_one_of_the_text(text: str):
    normal, origins = nfd_origins(text)
    assert normal == nfd(text)
    assert len(normal) == len(origins)
    for place, character in enumerate(text):
        own = [part for part, origin in zip(normal, origins, strict=True) if origin == place]
        assert sorted(own) == sorted(nfd(character))


def test_marks_in_another_order_know_where_they_come_from():
    assert nfd_origins("a\u0301\u0323\u0301é") == ("a\u0323\u0301\u0301e\u0301", [0, 2, 1, 3, 4, 4])
    assert nfd_origins("\u1fed\u0323") == ("\u00a8\u0323\u0300", [0, 1, 0])


@given(mixed)
def test_every_normalised_character_comes_from_one_of_the_text(text: str):
    normal, origins = squad_origins(text)
    assert normal == squad_normalize(text)
    assert len(normal) == len(origins)
    assert list(origins) == sorted(origins)
    for character, origin in zip(normal, origins, strict=True):
        assert character in (" ", "ς", *text[origin].lower())


def test_what_normalisation_drops_is_counted():
    assert squad_origins("U.S., the İx") == ("us i̇x", [0, 2, 2, 10, 10, 11])


@given(mixed)
def test_tokens_know_where_they_lie(text: str):
    text = nfd(text)
    tokens = dpr_token_spans(text)
    assert [token.text for token in tokens] == dpr_tokens(text)
    assert [text[token.start : token.end].lower() for token in tokens] == dpr_tokens(text)
    assert [token.text for token in drqa_token_spans(text)] == drqa_tokens(text)


def test_drqas_tokens_lie_where_they_were_before_they_were_rewritten():
    text = "say “yes”… Jean-Luc"
    places = [text[token.start : token.end] for token in drqa_token_spans(text)]
    assert places == ["say", "“", "yes", "”", "…", "Jean-Luc"]


def test_only_the_curly_apostrophe_is_straightened():
    assert straight_apostrophes("what’s ‘it’ “now”") == "what's ‘it' “now”"
