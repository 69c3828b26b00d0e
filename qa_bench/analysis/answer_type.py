"""What the answer looks like: a date, a number, a name, or something else; rules, no model."""

from __future__ import annotations

import regex

from qa_bench.analysis.subject import Subject, Subsets, by_label, first_answers

TYPES = ("date", "number", "entity", "other")


def _listed(text: str) -> frozenset[str]:
    return frozenset(text.split())


_CALENDAR = _listed(
    "january february march april may june july august september october november december "
    "jan feb mar apr jun jul aug sep sept oct nov dec monday tuesday wednesday thursday friday "
    "saturday sunday mondays tuesdays wednesdays thursdays fridays saturdays sundays"
)
_ERAS = _listed("bc bce ad ce")
_AROUND_DATES = _listed(
    "in on the of to and from until between since late early mid circa c spring summer autumn fall "
    "winter , . - – / ~"
)
_DATE_TOKEN = regex.compile(r"\w+|\S")
_YEAR = regex.compile(r"(?:1\d{3}|20\d{2})s?")
_SMALL = regex.compile(r"(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?")

_NUMBER_WORDS = _listed(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety "
    "hundred thousand million billion trillion dozen half once twice"
)
_HEDGES = _listed("about around approximately over under nearly almost roughly only $ £ € ¥ ~ c.")
_DIGITS = regex.compile(r"[-+−~]?\p{Sc}?\.?\d[\d.,]*(?:\p{L}{1,3}|[%°º]\p{L}?)?\p{Sc}?")

_HYPHEN = regex.compile("[-–]")

_LINKS = _listed(
    "a an the of and or in on at for to from by with de del della der den di da du des la le el "
    "von van zu al bin ibn y e & - –"
)


def _date_part(token: str) -> str:
    """What a token is in a date; empty where it is nothing in one."""
    if token in _CALENDAR:
        return "named"
    if _YEAR.fullmatch(token):
        return "year"
    if _SMALL.fullmatch(token):
        return "small"
    if token.isdecimal() and len(token) <= 4:
        return "number"
    if token in _ERAS:
        return "era"
    if token in ("century", "centuries"):
        return "century"
    return "around" if token in _AROUND_DATES else ""


def _is_date(text: str) -> bool:
    """Nothing but parts of a date, and a month, weekday, year, era or century among them.

    "May 18, 2018", "the 1990s", "44 BC", "18th century"; a bare number from 1000 to 2099 is a year.
    """
    parts = {_date_part(token) for token in _DATE_TOKEN.findall(text.lower())}
    if "" in parts:
        return False
    if "era" in parts:
        return bool(parts & {"small", "number", "year"})
    if "number" in parts:
        return False
    return bool(parts & {"named", "year"}) or {"century", "small"} <= parts


def _is_number(words: list[str]) -> bool:
    """Begins with a number, and no capital follows: "15 million", "$5", "forty-one", "6 feet"."""
    while words and words[0].lower() in _HEDGES:
        words = words[1:]
    if not words:
        return False
    first = words[0].rstrip(",;.").lower()
    in_words = all(piece in _NUMBER_WORDS for piece in _HYPHEN.split(first))
    if not in_words and _DIGITS.fullmatch(first) is None:
        return False
    return not any(word[:1].isupper() for word in words[1:])


def _is_entity(words: list[str]) -> bool:
    """Every word begins with a capital or digit but small links: "the Bank of England"."""
    bare = [word.strip("\"'`“”‘’().,:;!?") for word in words]
    content = [word for word in bare if word and word not in _LINKS]
    return any(word[0].isupper() for word in content) and all(
        word[0].isupper() or word[0].isdigit() for word in content
    )


def answer_type(answer: str) -> str:
    """date, number, entity or other: the first that fits."""
    if _is_date(answer):
        return "date"
    words = answer.split()
    if _is_number(words):
        return "number"
    return "entity" if _is_entity(words) else "other"


def subsets(subject: Subject) -> Subsets:
    """The questions by the type of their first answer.

    Raises:
        UnknownError: answers are patterns, or there are none.
    """
    return by_label([answer_type(answer) for answer in first_answers(subject)], TYPES)
