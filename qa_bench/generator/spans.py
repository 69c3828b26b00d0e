"""Spans of a sentence that can be its answer: names and dates, by their letters alone."""

from __future__ import annotations

from collections.abc import Iterator

import regex

from qa_bench.synthetic.words import FUNCTION_WORDS

Span = tuple[int, int]
"""The first character, and the one behind the last."""

_MONTH = "(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_YEAR = r"(?:1[0-9]{3}|20[0-9]{2})"
_DATE = regex.compile(
    rf"\b(?:{_MONTH} [0-3]?[0-9],? {_YEAR}|[0-3]?[0-9] {_MONTH} {_YEAR}|{_MONTH} {_YEAR}|{_YEAR})\b"
)
_SHORT = r"(?:\p{Lu}\.){2,}|\p{Lu}\.(?= \p{Lu})"
_CAPITAL = rf"(?:{_SHORT}|\p{{Lu}}[\p{{L}}\p{{M}}\p{{N}}]*(?:['’.\-][\p{{L}}\p{{M}}\p{{N}}]+)*)"
_BETWEEN = r"(?:(?:of|de|la|le|van|von|der|du|da|di|del|al|bin|ibn|the) )*"
_NAME = regex.compile(rf"(?<![\p{{L}}\p{{N}}])(?:{_CAPITAL})(?: {_BETWEEN}{_CAPITAL})*")
_WORD = regex.compile(r"\S+")
_CALENDAR = regex.compile(rf"(?:{_MONTH}|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day)\Z")


def spans(sentence: str, title: str, elsewhere: str) -> list[Span]:
    """Where dates, the title and other names stand in a sentence, by their place.

    A name is a run of words with a capital, without the words of grammar at its beginning. The
    sentence's first word is one if another of the run follows, or if it stands with its capital in
    the middle of a sentence of the passage.

    Args:
        sentence: as it stands in the passage.
        title: of the article; what stands in brackets at its end is left out.
        elsewhere: the passage, for the first word.
    """
    dates = [match.span() for match in _DATE.finditer(sentence)]
    names = [*_titles(sentence, title), *_names(sentence, elsewhere)]
    apart = [one for one in names if not any(_touch(one, date) for date in dates)]
    return sorted({*dates, *apart})


def _titles(sentence: str, title: str) -> Iterator[Span]:
    name = regex.sub(r"\s*\([^()]*\)\Z", "", title).strip()
    if name:
        for match in regex.finditer(rf"(?<!\w){regex.escape(name)}(?!\w)", sentence):
            yield match.span()


def _names(sentence: str, elsewhere: str) -> Iterator[Span]:
    for match in _NAME.finditer(sentence):
        start, end = match.span()
        words = list(_WORD.finditer(match[0]))
        while words and words[0][0].lower() in FUNCTION_WORDS:
            words.pop(0)
        if not words:
            continue
        first = start + words[0].start()
        name = sentence[first:end]
        if _CALENDAR.match(name) or (len(name) < 2 and name.isascii()):
            continue
        if not sentence[:first].strip() and len(words) == 1 and not _inside(name, elsewhere):
            continue
        yield first, end


def _inside(word: str, text: str) -> bool:
    """Whether a word stands, as it is, behind a small letter or a comma."""
    return bool(regex.search(rf"[\p{{Ll}},] {regex.escape(word)}(?!\w)", text))


def _touch(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]
