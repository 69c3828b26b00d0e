r"""Tokens of mode ``lenient``: numbers and dates are the same, however they are written.

"two" is 2, "1,000", "one thousand" and "1 thousand" are 1000, "fifth" is 5th, and "March 5, 1999",
"5 March 1999", "5th of March, 1999" and "1999-03-05" are 5 march 1999. Beside that, the tokens are
DPR's without punctuation and articles. English only. No code base compares so: figures in this mode
are not comparable with published ones.
"""

from __future__ import annotations

from collections.abc import Iterator

import regex

from qa_bench.text import Token

_END = r"(?![\p{L}\p{N}\p{M}])"
_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july", "august"),
    *("september", "october", "november", "december"),
)
_MONTH_OF = {name: name for name in _MONTHS} | {name[:3]: name for name in _MONTHS}
_MONTH_OF["sept"] = "september"

_UNITS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen"),
    "nineteen",
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES = {"thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_VALUES = (
    {word: value for value, word in enumerate(_UNITS)}
    | {word: value for value, word in zip(range(20, 100, 10), _TENS, strict=True)}
    | {"hundred": 100}
    | {word: 10**zeros for word, zeros in _SCALES.items()}
)
_IRREGULAR = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth",
              "nine": "ninth", "twelve": "twelfth"}  # fmt: skip
_ORDINAL_VALUES = {
    _IRREGULAR.get(word, f"{word[:-1]}ieth" if word in _TENS else f"{word}th"): value
    for word, value in _VALUES.items()
    if value
}
_DAYS = {word: value for word, value in _ORDINAL_VALUES.items() if value <= 20} | {
    f"{tens}{between}{word}": value + unit
    for tens, value in (("twenty", 20), ("thirty", 30))
    for word, unit in _ORDINAL_VALUES.items()
    for between in "- "
    if unit < 10 and value + unit <= 31
} | {"thirtieth": 30}  # fmt: skip


def _one_of(words: object) -> str:
    return "|".join(sorted(words, key=len, reverse=True))  # type: ignore[call-overload]


_DAY = rf"(?:(?:0?[1-9]|[12][0-9]|3[01])(?:st|nd|rd|th)?|{_one_of(_DAYS)}){_END}"
_MONTH = rf"(?:{_one_of(_MONTH_OF)}){_END}\.?"
_WORD = rf"(?:{_one_of([*_VALUES, *_ORDINAL_VALUES])}){_END}"
_PART = regex.compile(
    "|".join(
        (
            rf"(?P<year>[0-9]{{4}})-(?P<month>0[1-9]|1[0-2])-(?P<day>0[1-9]|[12][0-9]|3[01]){_END}",
            rf"(?P<day>{_DAY})\s+(?:of\s+)?(?P<month>{_MONTH})",
            rf"(?P<month>{_MONTH})\s+(?:the\s+)?(?P<day>{_DAY})(?![.,][0-9])",
            rf"(?P<month>{_MONTH})(?=,?\s+[0-9]{{4}}{_END})",
            r"(?<![0-9]\.)(?P<number>[0-9]{1,3}(?:,[0-9]{3})+(?!,?[0-9])(?:\.[0-9]+)?"
            rf"|[0-9]+(?:\.[0-9]+)?)(?!\.[0-9])(?:(?P<ordinal>st|nd|rd|th)?{_END})"
            rf"(?:\s+(?P<scale>hundred|{_one_of(_SCALES)}){_END})?",
            rf"(?P<words>{_WORD}(?:[\s-]+(?:and\s+)?{_WORD})*)",
            r"[\p{L}\p{N}\p{M}]+|[^\p{Z}\p{C}]",
        )
    ),
    regex.IGNORECASE | regex.UNICODE,
)
_INNER = regex.compile(r"[a-z]+", regex.IGNORECASE)
_DROPPED = regex.compile(r"[\p{P}$+<=>^`|~]|a|an|the", regex.IGNORECASE)


def lenient_tokens(text: str) -> list[str]:
    """The tokens of NFD text, lower-cased, numbers and dates in one form."""
    return [token.text for token in lenient_token_spans(text)]


def lenient_token_spans(text: str) -> list[Token]:
    """``lenient_tokens`` of NFD text, with their places in it.

    Those of a date all have its place. Where nothing but articles and punctuation is left, they are
    kept.
    """
    tokens = [token for match in _PART.finditer(text) for token in _tokens(match)]
    return [token for token in tokens if not _DROPPED.fullmatch(token.text)] or tokens


def _tokens(match: regex.Match[str]) -> Iterator[Token]:
    start, end = match.span()
    groups = {name: value.lower() for name, value in match.groupdict().items() if value}
    if "words" in groups:
        yield from _of_words(groups["words"], start)
    elif "month" in groups:
        month = groups["month"].rstrip(".")
        name = _MONTHS[int(month) - 1] if month.isdigit() else _MONTH_OF[month]
        day = [_day(groups["day"])] if "day" in groups else []
        year = [groups["year"]] if "year" in groups else []
        for text in (*day, name, *year):
            yield Token(text, start, end)
    elif "number" in groups:
        scale = groups.get("scale")
        zeros = _SCALES.get(scale, 2) if scale else 0
        yield Token(_digits(groups["number"], zeros) + groups.get("ordinal", ""), start, end)
    else:
        yield Token(match.group().lower(), start, end)


def _day(written: str) -> str:
    """The day of a month: "5th", "05" and "fifth" are 5."""
    if written[0].isdigit():
        return written.rstrip("stndrh").lstrip("0")
    return str(_DAYS[" ".join(written.split())])


def _digits(number: str, zeros: int) -> str:
    """A number without commas and needless zeros, times ten to the power of ``zeros``."""
    whole, _, part = number.replace(",", "").partition(".")
    part = part.ljust(zeros, "0")
    whole, part = whole + part[:zeros], part[zeros:].rstrip("0")
    return f"{whole}.{part}" if part else whole


def _of_words(words: str, start: int) -> Iterator[Token]:
    """The numbers in a row of number words: "two hundred and five" is one, "two three" are two."""
    number: _Number | None = None
    joint: Token | None = None
    for match in _INNER.finditer(words):
        word, span = match.group(), (start + match.start(), start + match.end())
        if word == "and":
            joint = Token(word, *span)
            continue
        if number is None or not number.takes(word, joint is not None):
            if number is not None:
                yield number.token()
            if joint is not None:
                yield joint
            number = _Number(span[0])
        number.add(word, span[1])
        joint = None
    if number is not None:
        yield number.token()


class _Number:
    """A number that is being read, word by word."""

    def __init__(self, start: int) -> None:
        self._start = self._end = start
        self._total = self._group = 0
        """Whole scales, and what stands before the next: 2000 and 105."""
        self._room = self._scale = 10**15
        """Below what the next word must be to be added; the scale before."""
        self._ordinal = False

    def takes(self, word: str, joined: bool) -> bool:
        """Whether a word goes on with it; ``joined``: with "and" before."""
        if self._ordinal:
            return False
        value = _VALUES.get(word) or _ORDINAL_VALUES.get(word, 0)
        if value >= 1000:
            return 0 < self._group < 1000 and value < self._scale and not joined
        if value == 100:
            return 0 < self._group < 100 and not joined
        return 0 < value < self._room and (not joined or self._room >= 100)

    def add(self, word: str, end: int) -> None:
        """Take a word that it takes, or the first."""
        self._end, self._ordinal = end, word in _ORDINAL_VALUES
        value = _ORDINAL_VALUES[word] if self._ordinal else _VALUES[word]
        if value >= 1000:
            self._total += (self._group or 1) * value
            self._group, self._room, self._scale = 0, min(value, 100), value
        elif value == 100:
            self._group, self._room = (self._group or 1) * 100, 100
        else:
            self._group += value
            self._room = 10 if value >= 20 else 0

    def token(self) -> Token:
        """In digits."""
        value = self._total + self._group
        return Token(f"{value}{_suffix(value) if self._ordinal else ''}", self._start, self._end)


def _suffix(value: int) -> str:
    if value % 100 in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th")
