r"""THE tokenizers and normalisers: every part that compares text calls these, nobody else's.

Each function reproduces a reference to the bit; the source stands in its docstring.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import regex

Tokenizer = Callable[[str], list[str]]

Origins = Sequence[int]
"""For each character of a normalised text, the place of the one it comes from."""


class Token(NamedTuple):
    """A token, and where in the text that was cut it lies."""

    text: str
    start: int
    end: int


_FLAGS = regex.IGNORECASE | regex.UNICODE | regex.MULTILINE

# DPR's SimpleTokenizer (dpr/utils/tokenizers.py): runs of letters, numbers and marks, or any one
# other visible character.
_DPR_TOKEN = regex.compile(r"[\p{L}\p{N}\p{M}]+|[^\p{Z}\p{C}]", _FLAGS)
# The same on text that is ASCII and lower-case, where the two classes are spelled out.
_ASCII_TOKEN = regex.compile(r"[a-z0-9]+|[!-/:-@\[-`{-~]")

_ALPHA_NUM = r"[\p{L}\p{N}\p{M}]++"
# DrQA's RegexpTokenizer (drqa/tokenizers/regexp_tokenizer.py), alternatives in its order.
# Named groups are those whose tokens it rewrites.
_DRQA_TOKEN = regex.compile(
    "|".join(
        (
            r"\p{Nd}+([:\.\,]\p{Nd}+)*",
            r"(dr|esq|hon|jr|mr|mrs|ms|prof|rev|sr|st|rt|messrs|mmes|msgr)\.(?=\p{Z})",
            r"([\p{L}]\.){2,}(?=\p{Z}|$)",
            r"((?!n't)[\p{L}\p{N}\p{M}])++(?=n't)|n't",
            rf"{_ALPHA_NUM}([-\u058A\u2010\u2011]{_ALPHA_NUM})+",
            r"can(?=not\b)",
            _ALPHA_NUM,
            r"'([tsdm]|re|ll|ve)\b",
            r"(?P<open2>(?<=[\p{Z}\(\[{<]|^)(``|[\"\u0093\u201C\u00AB])(?!\p{Z}))",
            r"(?P<close2>(?<!\p{Z})(\'\'|[\"\u0094\u201D\u00BB]))",
            r"(?P<open1>(?<=[\p{Z}\(\[{<]|^)[\'\u0091\u2018\u201B\u2039](?!\p{Z}))",
            r"(?P<close1>(?<!\p{Z})[\'\u0092\u2019\u203A])",
            r"(?P<dash>--|[\u0096\u0097\u2013\u2014\u2015])",
            r"(?P<ellipsis>\.\.\.|\u2026)",
            r"\p{P}",
            r"[^\p{Z}\p{C}]",
        )
    ),
    _FLAGS,
)
_DRQA_REWRITE = {
    "open2": "``",
    "close2": "''",
    "open1": "`",
    "close1": "'",
    "dash": "--",
    "ellipsis": "...",
}

_ARTICLES = regex.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_PUNCTUATION = frozenset(string.punctuation)
_SPLIT = re.compile(r"\S+")  # re's, not regex's: its white space is that of str.split


def nfd(text: str) -> str:
    """Unicode NFD, DPR's and DrQA's ``normalize``; ASCII text is returned as it is."""
    return text if text.isascii() else unicodedata.normalize("NFD", text)


def nfd_origins(text: str) -> tuple[str, Origins]:
    """``nfd`` of a text, and where its characters come from.

    Each character is decomposed by itself; marks in a row are then sorted by their class, those of
    one class in the order they had (the Unicode Standard, 3.11, D108 and D109).
    """
    normal = nfd(text)
    if normal == text:
        return normal, range(len(text))
    parts = [
        (unicodedata.combining(part), place)
        for place, character in enumerate(text)
        for part in nfd(character)
    ]
    origins: list[int] = []
    for _, several in groupby(parts, lambda part: part[0] > 0):
        origins += (place for _, place in sorted(several, key=lambda part: part[0]))
    return normal, origins


def dpr_tokens(text: str) -> list[str]:
    """Lower-cased tokens of NFD text, as DPR's ``SimpleTokenizer`` and ``words(uncased=True)``.

    Lower-casing goes token by token, as there: a capital sigma is lowered by its place in the
    token, not in the sentence.
    """
    if text.isascii():
        tokens: list[str] = _ASCII_TOKEN.findall(text.lower())
        return tokens
    if "Σ" in text:
        return [token.lower() for token in _DPR_TOKEN.findall(text)]
    tokens = _DPR_TOKEN.findall(text.lower())
    return tokens  # noqa: RET504 (typed above)


def dpr_token_spans(text: str) -> list[Token]:
    """``dpr_tokens`` of NFD text, with their places in it."""
    return [Token(match.group().lower(), *match.span()) for match in _DPR_TOKEN.finditer(text)]


def drqa_tokens(text: str) -> list[str]:
    """Lower-cased tokens of NFD text, as DrQA's ``RegexpTokenizer`` with its substitutions.

    It keeps "1,234,567", "Jean-Luc" and "U.S." whole and rewrites quotes, dashes and ellipses.
    """
    return [_drqa_token(match) for match in _DRQA_TOKEN.finditer(text)]


def drqa_token_spans(text: str) -> list[Token]:
    """``drqa_tokens`` of NFD text, with their places in it."""
    return [Token(_drqa_token(match), *match.span()) for match in _DRQA_TOKEN.finditer(text)]


def _drqa_token(match: Any) -> str:
    return _DRQA_REWRITE.get(match.lastgroup or "") or match.group().lower()


def squad_normalize(text: str) -> str:
    """SQuAD 1.1's ``normalize_answer``: no case, ASCII punctuation, articles or extra spaces.

    Source: evaluate-v1.1.py of SQuAD; used unchanged by DPR, FiD, FlashRAG and KILT.
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split())


def squad_origins(text: str) -> tuple[str, Origins]:
    """``squad_normalize`` of a text, and where its characters come from.

    A space between two words comes from the last character of the first.
    """
    lowered = text.lower()
    places: Origins = range(len(text))
    if len(lowered) > len(text):  # İ alone becomes two characters
        places = [place for place, character in enumerate(text) for _ in character.lower()]
    rest = [place for place, one in zip(places, lowered, strict=True) if one not in _PUNCTUATION]
    plain = lowered.translate(_NO_PUNCTUATION)
    blanked = _ARTICLES.sub(lambda article: " " * len(article.group()), plain)
    words: list[str] = []
    origins: list[int] = []
    for word in _SPLIT.finditer(blanked):
        origins += (*origins[-1:], *rest[word.start() : word.end()])
        words.append(word.group())
    return " ".join(words), origins


def straight_apostrophes(question: str) -> str:
    """DPR's ``normalize_question``: curly apostrophes become straight ones (questions only)."""
    return question.replace("’", "'")


def title_key(title: str) -> str:
    """What is the same of two titles of one article: NFD, white space and underscores one space.

    Case counts: Wikipedia has other articles under "ETA" and "Eta".
    """
    return " ".join(nfd(title).replace("_", " ").split())


def filled(template: str, **values: str) -> str:
    """The template with the values in place of their {names}; other braces stay as they are.

    In one pass: a {name} inside a value is not looked at.
    """
    names = "|".join(map(re.escape, values))
    return re.sub(rf"\{{({names})\}}", lambda match: values[match[1]], template)


_THOUGHT = re.compile(r"<think>.*?(</think>|\Z)", re.DOTALL | re.IGNORECASE)


def without_thoughts(reply: str) -> str:
    """A language model's reply without what stands between <think> and </think>, or never ends."""
    return _THOUGHT.sub("", reply)
