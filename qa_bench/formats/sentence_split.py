r"""Where sentences end: rules for English text, no model and no other library.

A sentence ends at "\n", and at ``. ! ? …`` (with the quotes and brackets that close behind it)
before white space and a capital letter, a digit or a letter of a script without capitals. A single
full stop ends none

- after a title or a word that is written short before what it belongs to (Dr., St., vs., e.g.),
- after No., vol., fig., Jan. and their like before a number,
- after a number that is all of the sentence so far ("1. Introduction"),
- after an initial (J. Smith), letters with stops (U.S., Ph.D.) or a short word that may well end a
  sentence (Inc., Jr., etc.), unless the next word is one with which sentences begin, such as "The".

The full stops of Chinese and Japanese need no white space. The short words are those that stand
before small letters in English Wikipedia, and titles.
"""

from __future__ import annotations

import re

Span = tuple[int, int]
"""Start and end of a piece of text, in characters."""

_LINE = re.compile(r"\S(?:[^\n]*\S)?")
_CLOSE, _OPEN = r"[\"'”’»)\]}]", r"[\"'“‘«(\[{]"
# [^\Wa-z_] is a letter or digit that is not a small ASCII letter; the other small ones come later.
# The first stop is looked for by itself: so it is found ten times as fast.
_STOPS = (
    rf"[.!?…](?<![.!?…]{{2}})(?P<more>[.!?…]*+){_CLOSE}*+(?P<gap>\s++)"
    rf"(?={_OPEN}*+(?P<next>[^\Wa-z_]\w*+))"
)
_WIDE = r"[。！？](?<![。！？]{2})[。！？]*+[」』”’）]*+(?P<no_gap>\s*+)(?=\S)"
_END = re.compile(_STOPS)
_END_OR_WIDE = re.compile(f"{_STOPS}|{_WIDE}")
_ANY_WIDE = re.compile("[。！？]")
_LONGEST = 24
_BEFORE_A_WORD = "\"'“‘«([{–—/-"


def _these(words: str) -> frozenset[str]:
    return frozenset(words.split())


_BEFORE_NAMES = _these(
    "mr mrs ms messrs mme mlle dr prof rev fr ste gen maj col lt capt cpt cmdr sgt cpl adm gov "
    "pres sen rep hon amb supt insp mt vs viz cf ca c e.g i.e lit incl esp approx resp var subsp "
    "sp spp pl gr bros"
)
_BEFORE_NUMBERS = _these(
    "no nos vol vols p pp fig figs ch chap sec sect art op ver para v bk pt "
    "jan feb mar apr jun jul aug sep sept oct nov dec"
)
_MAY_END = _these(
    "st ft sq inc ltd co corp llc jr sr etc al ave blvd univ dept est div esq comm trans ed eds"
)
_BEGINS = _these(
    "The An It In He She They This That These Those His Her Its Their There Here When While Where "
    "After Before Although Though However But And If Some Many Most Since During With Under At As "
    "By For From On To We You Other Others Both Each One Two Three All Not Such Because Until "
    "Despite According Also Another Several What Who Why How Once Among Following Unlike Instead "
    "Today Later Then Thus Therefore Moreover Furthermore Additionally Early Between Within Our"
)
_ROMAN = re.compile(r"[IVXLCDM]+\Z")


def sentence_spans(text: str) -> list[Span]:
    """The sentences of a text, in order, without the white space around them."""
    spans: list[Span] = []
    wide = not text.isascii() and _ANY_WIDE.search(text)
    pattern = _END_OR_WIDE if wide else _END
    for line in _LINE.finditer(text):
        start, end = line.span()
        for mark in pattern.finditer(text, start, end):
            following = mark["next"]
            if following is None:
                spans.append((start, mark.start("no_gap")))
                start = mark.end()
            elif _ends(text, start, mark, following):
                spans.append((start, mark.start("gap")))
                start = mark.end()
        spans.append((start, end))
    return spans


def _ends(text: str, start: int, mark: re.Match[str], following: str) -> bool:
    """Whether the sentence that begins at ``start`` ends with what was found."""
    if following[0].islower():
        return False
    stop = mark.start()
    if text[stop] != "." or mark["more"]:
        return True
    words = text[max(start, stop - _LONGEST) : stop].rsplit(None, 1)
    before = words[-1].lstrip(_BEFORE_A_WORD) if words else ""
    if len(before) > 6 and before.isalpha():
        return True  # longer than any that is written short
    short = before.lower()
    initial = len(before) == 1 and before.isupper()
    if short in _BEFORE_NAMES and not initial:
        return False
    if short in _BEFORE_NUMBERS and not initial:
        return not (following[0].isdigit() or _ROMAN.match(following))
    letters = before[-1:].isalpha()
    if (letters and (len(before) == 1 or "." in before)) or short in _MAY_END:
        return following in _BEGINS
    return not (before.isdigit() and stop - len(before) == start)


def one_line(text: str) -> str:
    """The text with single spaces for white space."""
    return " ".join(text.split())
