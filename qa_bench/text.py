r"""THE tokenizers and normalisers: every part that compares text calls these, nobody else's.

Each function reproduces a reference to the bit; the source stands in its docstring.
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Callable

import regex

Tokenizer = Callable[[str], list[str]]

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


def nfd(text: str) -> str:
    """Unicode NFD, DPR's and DrQA's ``normalize``; ASCII text is returned as it is."""
    return text if text.isascii() else unicodedata.normalize("NFD", text)


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


def drqa_tokens(text: str) -> list[str]:
    """Lower-cased tokens of NFD text, as DrQA's ``RegexpTokenizer`` with its substitutions.

    It keeps "1,234,567", "Jean-Luc" and "U.S." whole and rewrites quotes, dashes and ellipses.
    """
    tokens = []
    for found in _DRQA_TOKEN.finditer(text):
        rewrite = _DRQA_REWRITE.get(found.lastgroup or "")
        tokens.append(rewrite or found.group().lower())
    return tokens


def squad_normalize(text: str) -> str:
    """SQuAD 1.1's ``normalize_answer``: no case, ASCII punctuation, articles or extra spaces.

    Source: evaluate-v1.1.py of SQuAD; used unchanged by DPR, FiD, FlashRAG and KILT.
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split())


def straight_apostrophes(question: str) -> str:
    """DPR's ``normalize_question``: curly apostrophes become straight ones (questions only)."""
    return question.replace("’", "'")
