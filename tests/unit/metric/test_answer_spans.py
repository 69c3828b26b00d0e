"""Places of answers: there exactly where the matchers say so, and in the text as it is."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from test_matching import PIECES, answer_lists, texts

from qa_bench.errors import UserError
from qa_bench.metric.answer_spans import AnswerFinder, Span, answer_spans
from qa_bench.metric.matching import MODES, has_answer

MARKS = ["\u0301", "\u0323", "\u0327", "\u0345", "\u1fed", "\u0344", "\u2260", "\uac01", "한"]
odd_texts = st.lists(st.sampled_from([*PIECES, *MARKS]), max_size=16).map("".join)
odd_answers = st.lists(
    st.lists(st.sampled_from([*PIECES, *MARKS]), max_size=3).map("".join), min_size=1, max_size=3
)
PATTERNS = [
    *("", "a*", "b?", "(?=a)", r"\b", "^", "$", "(?r)a.", "(", "a**", r"\p{Lu}", r"(?<=\s+)n"),
    *("new york", "b|ab", "e.", "\u0301", "é", ".", r"\w+", r"\s", "(a)(b)?", r"[^a]\Z"),
]
modes = st.sampled_from(list(MODES))
TOKENS = ("dpr", "drqa", "pyserini")
SUBSTRINGS = ("flashrag", "kilt")


def check(text: str, spans: list[Span], found: bool) -> None:
    """What holds of the places in any text."""
    assert bool(spans) is found
    assert len(set(spans)) == len(spans)
    assert spans == sorted(spans, key=lambda span: (span[0], -span[1]))
    if any(start == end for start, end in spans):
        assert len(spans) == 1
        assert 0 <= spans[0][0] <= len(text)
    else:
        assert all(0 <= start < end <= len(text) for start, end in spans)


def marked(text: str, *answers: str, **options: str) -> list[str]:
    return [text[start:end] for start, end in answer_spans(text, answers, **options)]


# The contract


@given(odd_texts, odd_answers, modes)
@example("İ", ["i"], "kilt")
@example("ΟΔΟΣ.Β", ["οδοσ"], "kilt")
@example("\u1fed\u0323a", ["\u0323\u0300a"], "dpr")
@example("a \u2260 b", ["="], "dpr")
@example("the cat", ["a"], "kilt")
@example("anything", ["absent", "\u200b"], "drqa")
def test_strings(text: str, answers: list[str], mode: str):
    found = has_answer(text, answers, mode=mode)
    check(text, answer_spans(text, answers, mode=mode), found)


@given(odd_texts, st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=3), modes)
def test_patterns(text: str, patterns: list[str], mode: str):
    found = has_answer(text, patterns, "regex", mode)
    check(text, answer_spans(text, patterns, "regex", mode), found)


@given(odd_texts, odd_texts, odd_answers, modes)
@example("York is big", "New", ["New York"], "flashrag")
@example("York is big", "New", ["New York"], "kilt")
@example("", "Paris", ["Paris"], "flashrag")
@example("text", "title", [""], "flashrag")
@example("Σ", "ΟΔΟ", ["οδο σ"], "flashrag")
def test_titles(text: str, title: str, answers: list[str], mode: str):
    finder = AnswerFinder(answers, "string", mode)
    title_spans, text_spans = finder.places(text, title)
    found = has_answer(text, answers, mode=mode, title=title)
    assert bool(title_spans or text_spans) is found is finder.test(text, title)
    check(title, title_spans, bool(title_spans))
    check(text, text_spans, bool(text_spans))
    if mode != "flashrag" or not title:
        assert (title_spans, text_spans) == ([], finder(text))


@given(odd_texts, st.sampled_from(PATTERNS), modes)
def test_patterns_do_not_look_at_titles(title: str, pattern: str, mode: str):
    finder = AnswerFinder([pattern], "regex", mode)
    assert finder.places("some text", title) == ([], finder("some text"))


# Alone


@given(odd_texts, odd_answers, st.sampled_from(["dpr", "pyserini"]))
@example("a\u2260b", ["="], "dpr")
@example("a\u2260b", ["\u0338b"], "dpr")
@example("ΟΔΟΣ'Α", ["οδος"], "dpr")
def test_a_place_alone_is_a_hit(text: str, answers: list[str], mode: str):
    for start, end in answer_spans(text, answers, mode=mode):
        assert has_answer(text[start:end], answers, mode=mode)


@given(odd_texts.filter(lambda text: "Σ" not in text), odd_answers, st.sampled_from(SUBSTRINGS))
@example("bathe\u2014the", ["the\u2014"], "kilt")
@example("İx", ["\u0307x"], "kilt")
def test_a_substring_alone_is_a_hit(text: str, answers: list[str], mode: str):
    for start, end in answer_spans(text, answers, mode=mode):
        assert has_answer(text[start:end], answers, mode=mode)


def test_what_decides_may_stand_around_a_place():
    """Where the rule itself looks around, its places are no hits by themselves."""
    text = "ΟΔΟΣ.Β"  # SQuAD lowers the text before it drops the full stop
    assert marked(text, "οδοσ", mode="kilt") == ["ΟΔΟΣ"]
    assert not has_answer("ΟΔΟΣ", ["οδοσ"], mode="kilt")
    assert marked("Dr. Smith", "Dr. ", mode="drqa") == ["Dr."]  # one token before a space only
    assert not has_answer("Dr.", ["Dr. "], mode="drqa")
    assert marked("in Rome", "(?<=in )rome", match="regex") == ["Rome"]
    assert not has_answer("Rome", ["(?<=in )rome"], "regex")


# All of them, and in the right place

WORDS = ["new", "New", "york", "Ünal", "U\u0308nal", "e\u0301e", "éé", "12", "İi", "ΟΔΟΣ", "東京"]


def same_word(word: str) -> str:
    return unicodedata.normalize("NFD", word).lower()


@given(
    st.lists(st.sampled_from(WORDS), max_size=12),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=3),
    st.sampled_from([" ", "  ", "\u00a0", "\n", " \u200b "]),
    st.sampled_from(TOKENS),
)
def test_every_place_of_an_answer(words: list[str], answer: list[str], space: str, mode: str):
    ends = [sum(map(len, words[: n + 1])) + n * len(space) for n in range(len(words))]
    size, wanted = len(answer), [same_word(word) for word in answer]
    expected = [
        (ends[first] - len(words[first]), ends[first + size - 1])
        for first in range(len(words) - size + 1)
        if [same_word(word) for word in words[first : first + size]] == wanted
    ]
    assert answer_spans(space.join(words), [" ".join(answer)], mode=mode) == expected


@given(
    st.lists(st.sampled_from(["ab", "b", "İ", "the", "a.b", "é", ".", " ", "x"]), max_size=12),
    st.sampled_from(["ab", "b", "aba", "x", "é", "b x", "bb"]),
    st.sampled_from(SUBSTRINGS),
)
def test_every_substring(pieces: list[str], answer: str, mode: str):
    """The shortest stretches of text that hold the answer, found by trying all of them."""
    text = "".join(pieces)
    hits = [
        (start, end)
        for start in range(len(text))
        for end in range(start + 1, len(text) + 1)
        if has_answer(text[start:end], [answer], mode=mode)
    ]
    shortest = [
        span
        for span in hits
        if not any(span != one and span[0] <= one[0] and one[1] <= span[1] for one in hits)
    ]
    assert answer_spans(text, [answer], mode=mode) == shortest


def test_places_of_several_answers_may_hold_each_other():
    text = "In New York City"
    answers = ["York", "New York", "York City", "New York", "new  york"]
    assert marked(text, *answers) == ["New York", "York City", "York"]
    assert answer_spans("a b a b a", ["a b a"]) == [(0, 5), (4, 9)]
    assert answer_spans("xxx", ["xx"], mode="kilt") == [(0, 2), (1, 3)]


@pytest.mark.parametrize(
    ("text", "answer", "mode", "places"),
    [
        ("He read Schindler's List twice", "Schindlers List", "kilt", ["Schindler's List"]),
        ("He moved to the U.S. in 1999", "US", "kilt", ["U.S"]),
        ("He moved to the U.S. in 1999", "U.S.", "dpr", ["U.S."]),
        ("He moved to the U.S. in 1999", "U.S.", "drqa", ["U.S."]),
        ("Lord, of the  Rings", "The Lord of Rings!", "kilt", ["Lord, of the  Rings"]),
        ("They threw a party", "art", "kilt", ["art"]),
        ("They threw a party", "art", "dpr", []),
        ("a total of 1,234,567", "1234567", "flashrag", ["1,234,567"]),
        ("New\u200bYork is big", "new york", "dpr", ["New\u200bYork"]),
        ("20 °C, 20°C", "20°C", "dpr", ["20 °C", "20°C"]),
        ("say “yes” now", '"yes"', "drqa", ["“yes”"]),
        ("1939–1945", "1939 -- 1945", "drqa", ["1939–1945"]),
        ("Beyoncé and Beyonce\u0301", "BEYONCÉ", "dpr", ["Beyoncé", "Beyonce\u0301"]),
        ("Beyoncé and Beyonce\u0301", "BEYONCÉ", "kilt", ["Beyoncé"]),
        ("ééé Paris", "paris", "dpr", ["Paris"]),
        ("İİİ the Paris", "paris", "kilt", ["Paris"]),
        ("a\u0301\u0323b", "ạ\u0301b", "dpr", ["a\u0301\u0323b"]),
    ],
)
def test_where(text: str, answer: str, mode: str, places: list[str]):
    assert marked(text, answer, mode=mode) == places


@pytest.mark.parametrize(
    ("text", "pattern", "places"),
    [
        ("in Sept 1969, September 1970", r"Sept(ember)? \d{4}", ["Sept 1969", "September 1970"]),
        ("Zürich", "Zu", ["Zü"]),
        ("Zürich, Zürich", "z.+?ch", ["Zürich", "Zürich"]),
        ("line\nParis", "^paris", ["Paris"]),
        ("aab", "a*", ["aa"]),
    ],
)
def test_where_patterns_match(text: str, pattern: str, places: list[str]):
    for mode in MODES:
        assert marked(text, pattern, match="regex", mode=mode) == places


def test_only_the_first_pattern_counts_in_mode_drqa():
    assert marked("Rome or Paris", "Paris", "Rome", match="regex", mode="drqa") == ["Paris"]
    assert marked("Rome or Paris", "Paris", "Rome", match="regex") == ["Rome", "Paris"]


# Places without a character


@pytest.mark.parametrize("mode", list(MODES))
def test_an_empty_answer_marks_nothing(mode: str):
    assert answer_spans("", [""], mode=mode) == [(0, 0)]
    assert answer_spans("in Paris", ["absent", ""], mode=mode) == [(0, 0)]
    assert answer_spans("in Paris", ["", "paris"], mode=mode) == [(3, 8)]
    assert answer_spans("in Paris", [""], "regex", mode) == [(0, 0)]
    assert answer_spans("in Paris", ["", "paris"], "regex", "dpr") == [(3, 8)]


def test_an_answer_of_articles_marks_nothing_where_articles_are_dropped():
    assert answer_spans("in Paris", ["The", "..."], mode="kilt") == [(0, 0)]
    assert answer_spans("in Paris", ["The"]) == []


@pytest.mark.parametrize(
    ("text", "pattern", "place"),
    [("éé Paris", "(?=paris)", 3), ("éé", "$", 2), ("e\u0301\u0323", r"\Z", 3), ("", "^", 0)],
)
def test_a_match_between_characters_is_where_it_is(text: str, pattern: str, place: int):
    assert answer_spans(text, [pattern], "regex") == [(place, place)]


# Titles


def test_an_answer_may_begin_in_the_title():
    finder = AnswerFinder(["New York"], "string", "flashrag")
    assert finder.places("york! A new York", "In New") == ([(3, 6)], [(0, 4), (8, 16)])
    assert finder.places("It is big.", "new york") == ([(0, 8)], [])
    assert finder("york! A new York") == [(8, 16)]


# What goes wrong


def test_arguments_are_checked_as_by_the_matchers():
    with pytest.raises(UserError, match="at least one gold answer"):
        answer_spans("text", [])
    with pytest.raises(UserError, match="not one string"):
        answer_spans("text", "answer")
    with pytest.raises(UserError, match="'qrels' is unknown"):
        answer_spans("text", ["answer"], "qrels")
    with pytest.raises(UserError, match="'DPR' is unknown"):
        AnswerFinder(["answer"], mode="DPR")


@given(texts, answer_lists)
def test_one_finder_serves_many_texts(text: str, answers: list[str]):
    finder = AnswerFinder(answers)
    assert finder(text) == answer_spans(text, answers) == finder(text)
    assert finder("") == answer_spans("", answers)
