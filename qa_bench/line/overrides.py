"""Overrides as people type them, for Hydra: a plain text needs no quotes of Hydra's.

Hydra's grammar knows few characters: ``name=Bär`` and ``corpus.path=my data (v1)/p.tsv`` are errors
in it. What it can read stays as it is; of what it cannot, the value is put into its quotes, unless
it begins as a list, a dictionary or a text in quotes does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qa_bench.errors import UserError

_WORD = re.compile(r"(?P<key>(?:\+\+?)?[^\s=+~'\"]+)=(?P<value>.*)", re.DOTALL)
_PLAIN = re.compile(r"[A-Za-z0-9_./@%:,+-]*")
"""Values that Hydra reads, whatever they are."""
TEXTS = ("name", "system", "a", "b", "dataset.name", "corpus.name")
"""Settings whose value is a text, though it may look like a number."""
_NUMBER = re.compile(r"[\d.,_eE+-]*\d[\d.,_eE+-]*|(?i:true|false|inf|nan)")
_HYDRAS = ("[", "{", "'", '"')


def plain_words(words: Sequence[str], swept: bool) -> list[str]:
    """The overrides, quoted where Hydra would need it; ``~/`` becomes the home folder.

    Args:
        words: overrides, without options.
        swept: whether a comma separates values that are swept over, rather than being a comma.

    Raises:
        UserError: a list, dictionary or quoted text that ends in the middle, or an empty
            dictionary where there are entries to change.
    """
    return [_plain(word, swept) for word in words]


def is_swept(options: Sequence[str], words: Sequence[str]) -> bool:
    """Whether a command sweeps over values: by its options, or maybe by its experiment."""
    experiment = any(word.lstrip("+").startswith("experiment=") for word in words)
    return experiment or bool({"-m", "--multirun"} & {*options})


def _plain(word: str, swept: bool) -> str:
    match = _WORD.fullmatch(word)
    if match is None:
        return word
    key, value = match["key"], match["value"]
    if key.lstrip("+") in TEXTS and _NUMBER.fullmatch(value):
        return f"{key}={','.join(map(quoted, value.split(',') if swept else [value]))}"
    if value.strip() == "{}" and key.rpartition(".")[2] in ("metrics", "weights"):
        raise UserError(
            f"{word}: adds nothing and takes nothing away: ~{key}.NAME takes one away, "
            f"{key}.NAME.…=… changes one"
        )
    if _PLAIN.fullmatch(value):
        return word
    if value.startswith(_HYDRAS) or not value.strip():
        if (error := _error(word)) is not None:
            raise UserError(
                f"cannot read the override '{word}': as text it would be "
                f"'{key}={quoted(value)}', both quotes included"
            ) from error
        return word
    if swept and "," in value and not re.match(r"\w+\(", value):
        pieces = [_quoted_where_needed(key, piece.strip()) for piece in value.split(",")]
        return f"{key}={','.join(pieces)}"
    return f"{key}={_quoted_where_needed(key, value)}"


def _quoted_where_needed(key: str, value: str) -> str:
    value = _from_home(value)
    return value if _error(f"{key}={value}") is None else quoted(value)


def _from_home(value: str) -> str:
    if not value.startswith("~"):
        return value
    try:
        return str(Path(value).expanduser())
    except RuntimeError:  # there is no such user
        return value


def quoted(value: str) -> str:
    """A text in Hydra's quotes."""
    from hydra.core.override_parser.types import Quote, QuotedString

    return QuotedString(value, Quote.double).with_quotes()


def _error(word: str) -> Exception | None:
    """What Hydra has against an override."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    parser: Any = OverridesParser.create()
    try:
        parser.parse_override(word)
    except HydraException as error:
        return error
    return None
