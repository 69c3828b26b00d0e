"""Gold answers as people write them: lists, lists written as text, numbers."""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
import warnings
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from qa_bench.text import straight_apostrophes


class Written(float):
    """A number with a fraction that knows how it was written: 3.10 is no 3.1."""

    def __new__(cls, text: str) -> Written:
        """Keep the text."""
        number = super().__new__(cls, text)
        number.text = text
        return number

    text: str

    def __str__(self) -> str:
        """As it was written."""
        return self.text


DECODER = json.JSONDecoder(parse_float=Written)
"""For rows whose numbers may be answers."""

_ADJACENT = re.compile(r"""['"]\s*[bBrRuUfF]{0,2}['"]""")
_PATTERN = re.compile(
    r"\\[sdwbSDWB.?()\[\]*+-]|\.[*+?]|\(\?|\w\?\w|\)[?*+]|\([^()]*\|[^()]*\)|\[[^\]]+\]|\w\|\w"
)
"""What only patterns have: 64 to 70 % of CuratedTREC's questions, no more than 1 in 1,000 of the
four sets of strings."""
_SHARE = 0.2


def answer_list(value: Any) -> list[str]:
    """The answers that a field holds.

    One text, a number, a list of them, or such a list written as text: JSON's or Python's.

    Raises:
        ValueError: it is something else; the message says what.
    """
    if isinstance(value, str):
        return text_answers(value)
    if _is_number(value):
        return [str(value)]
    if not isinstance(value, list | tuple):
        raise ValueError(f"must be a list of strings, found {kind_of(value)}")
    answers = _texts(value)
    if len(answers) == 1 and isinstance(value[0], str) and _literal(answers[0]):
        raise ValueError(f"hold a list that is written as text: {answers[0][:60]}")
    return answers


def text_answers(text: str) -> list[str]:
    """The list that a text writes; else the text itself is the answer.

    "[12]" may be a pattern, and "[sic]" is a text.

    Raises:
        ValueError: a list of something else than texts and numbers, or of numbers alone.
    """
    value = _literal(text)
    if value is None:
        return [text]
    answers = _texts(value)
    if answers and not any(isinstance(one, str) for one in value):
        raise ValueError(f'are numbers in brackets ({text[:60]}): write ["…"], a list of strings')
    return answers


def cell_answers(cell: str) -> list[str]:
    """The answers in a cell of DPR's files, which hold a Python list literal.

    Raises:
        ValueError: it holds something else; the message says what.
    """
    value = _literal(cell)
    if value is None:
        raise ValueError(f"are not a list literal: {cell[:60]}")
    return _texts(value)


def _literal(text: str) -> list[Any] | None:
    """The list that JSON or Python would read; None where there is none."""
    text = text.strip()
    if not (text.startswith("[") and text.endswith("]")):
        return None
    try:
        value = DECODER.decode(text)
    except (ValueError, RecursionError):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of "\d" in a text, which stays what it is
                value = ast.literal_eval(text)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            return None
        if isinstance(value, list) and _ADJACENT.search(text) and _lacks_comma(text):
            raise ValueError(f"lack a comma between two strings: {text[:60]}") from None
    return value if isinstance(value, list) else None


def _lacks_comma(text: str) -> bool:
    """Whether two strings stand side by side, which Python would join: numpy prints lists so."""
    kinds = [
        token.type
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in (tokenize.NL, tokenize.COMMENT)
    ]
    return any(a == b == tokenize.STRING for a, b in pairwise(kinds))


def _texts(values: Sequence[Any]) -> list[str]:
    for value in values:
        if not isinstance(value, str) and not _is_number(value):
            raise ValueError(f"must be a list of strings, found {kind_of(value)} in it")
    return [str(value) for value in values]


def kind_of(value: Any) -> str:
    """What a message calls a value of the wrong type."""
    if value is None:
        return "nothing"
    return "float" if isinstance(value, float) else type(value).__name__


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def look_like_patterns(answers: Sequence[Sequence[str]]) -> bool:
    """Whether the answers of a set, a list a question, seem to be regular expressions."""
    if not answers:
        return False
    patterns = sum(any(_PATTERN.search(one) for one in several) for several in answers)
    return patterns / len(answers) >= _SHARE


def plain(question: str) -> str:
    """A question's text as different files agree on it: quotes straight, no space around."""
    return straight_apostrophes(question).strip()


def loose(question: str) -> str:
    """A question's text without what files add or drop: case, a question mark, inner spaces."""
    return " ".join(plain(question).casefold().split()).rstrip(" ?")
