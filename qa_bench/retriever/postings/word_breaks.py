"""Words as Lucene's StandardTokenizer cuts them, without Java.

Its grammar is the word boundaries of Unicode 12.1 (UAX #29), a token for each sequence that holds a
letter, a digit, a syllable or an ideograph, and for each emoji (UTS #51). The rules stand here over
one sign a character, that of its class in ``word_classes.txt``; Python's own ``re`` then does the
cutting. A token ends after 255 of Java's characters at the latest.

Source: https://unicode.org/reports/tr29/#Word_Boundaries and
https://unicode.org/reports/tr51/#EBNF_and_Regex; Lucene's StandardTokenizer.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import cache
from pathlib import Path

LONGEST = 255
"""Java's characters (UTF-16 units) that a token has at most."""

OTHER = " "
"""The sign of characters that are part of no token."""

# The signs: a letter, h Hebrew, g Hangul, 9 digit 0 to 9, n other digit, x Katakana, y Hiragana,
# c Han, s South-East Asian, t its marks, e extending or format character, z zero-width joiner,
# _ ' " . : , those characters and their like, # also *, k keycap, p pictograph, i letter that is a
# pictograph too, v w text and emoji style, m skin tone, r regional indicator, b q tag and its end.
_EXTEND = "[etzkvwmbq]*"
_LOW_LINE = f"(?:_{_EXTEND})"
_DIGITS = f"[9n]{_EXTEND}(?:(?:{_LOW_LINE}*|[,.']{_EXTEND})[9n]{_EXTEND})*"
_KATAKANA = f"x{_EXTEND}(?:{_LOW_LINE}*x{_EXTEND})*"
_QUOTED = f"h{_EXTEND}(?:'{_EXTEND}|\"{_EXTEND}h{_EXTEND})"
_LETTER = f"(?!{_QUOTED})[aghi]{_EXTEND}"
_AFTER_SIGN = f"[:.']{_EXTEND}[aghi]{_EXTEND}"
_LETTERS = f"{_LETTER}(?:{_LOW_LINE}*{_LETTER}|{_AFTER_SIGN})*(?:{_LOW_LINE}*{_QUOTED})?"
_PART = f"(?:{_KATAKANA}|(?:{_QUOTED}|{_DIGITS}|{_LETTERS})+)"
_WORD = f"{_LOW_LINE}*{_PART}(?:{_LOW_LINE}+{_PART})*{_LOW_LINE}*"

_MORE = "[etzkmbq]*"
_JOINED = f"[pi]{_MORE}(?:(?<=z)[pi]{_MORE})*"
_TONE = f"m{_MORE}"
_PICTURES = (
    f"(?:z*|{_TONE}(?<=z)){_JOINED}(?:wz(?:z*|{_TONE}(?<=z)){_JOINED})*(?:wz{_TONE}|w)?|{_TONE}"
)
_EMOJI = (
    f"z*[pi]{_MORE}wb+q|{_PICTURES}"
    f"|#[etzmbq]*(?:k{_MORE}(?:wk{_MORE})?|wk{_MORE})"
    f"|r{_EXTEND}r{_EXTEND}"
)
_RULES = re.compile(f"{_WORD}|[cy]{_EXTEND}|[st][setzkvwmbq]*|{_EMOJI}")
_PICTOGRAPH = re.compile(_EMOJI)


def words(text: str) -> Iterator[str]:
    """The tokens of a text in their order, as they are written."""
    classes = text.translate(_signs())
    # No character takes more than two of Java's.
    tight = len(text) > LONGEST // 2 and len(text.encode("utf-16-le")) > 2 * LONGEST
    place = 0
    while match := _RULES.search(classes, place):
        start = match.start()
        end = _end(classes, start, start + _room(text, start) if tight else len(text))
        if end:
            yield text[start:end]
        place = end or start + 1


def _end(classes: str, start: int, limit: int) -> int:
    """Where the longest token from ``start`` ends that goes no further than ``limit``; 0: none."""
    match = _RULES.match(classes, start, limit)
    end = match.end() if match else 0
    if classes[start] == "i" and (match := _PICTOGRAPH.match(classes, start, limit)):
        end = max(end, match.end())
    return end


def _room(text: str, start: int) -> int:
    """How many characters from ``start`` on are ``LONGEST`` of Java's at most."""
    room = text[start : start + LONGEST].encode("utf-16-le")[: 2 * LONGEST]
    return len(room.decode("utf-16-le", "ignore"))


class _Signs(dict[int, str]):
    """Sign of a code point, as ``str.translate`` looks it up; looked for once each."""

    def __init__(self, ranges: list[tuple[int, int, str]]) -> None:
        super().__init__()
        self._ranges = sorted(ranges)
        self._firsts = [first for first, _, _ in self._ranges]

    def __missing__(self, point: int) -> str:
        at = bisect_right(self._firsts, point) - 1
        sign = self._ranges[at][2] if at >= 0 and point <= self._ranges[at][1] else OTHER
        self[point] = sign
        return sign


@cache
def _signs() -> _Signs:
    ranges = []
    for line in Path(__file__).with_name("word_classes.txt").read_text("utf-8").splitlines()[2:]:
        for places in line[2:].split():
            first, _, last = places.partition("-")
            ranges.append((int(first, 16), int(last or first, 16), line[0]))
    return _Signs(ranges)
