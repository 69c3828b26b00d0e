"""Checks of settings, in one wording: ``<setting>: <what it may be>, got '<what it is>'``.

A setting is named as on the command line (``retriever.k1``), and so is its value: true, false and
null. ``true`` is never a number, though Python has it for 1. Every check gives the value back.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Sequence
from numbers import Real
from typing import TypeVar

from qa_bench.errors import UserError

Value = TypeVar("Value")

_NO_NAME = ("Cc", "Cs", "Zl", "Zp")
"""Categories of characters that no file is called with: controls, halves of pairs, line breaks."""


def whole_number(
    name: str, value: Value, least: int = 1, most: int | None = None, *, optional: bool = False
) -> Value:
    """A whole number from ``least`` to ``most``; ``optional``: or null.

    Raises:
        UserError: it is none.
    """
    if value is None and optional:
        return value
    if not _is_whole(value, least, most):
        span = f">= {least}" if most is None else f"from {least} to {most}"
        raise _refusal(name, f"a whole number {span}", value)
    return value


def whole_numbers(name: str, values: Sequence[int], least: int = 1) -> list[int]:
    """A list of whole numbers from ``least``, one at least.

    Raises:
        UserError: it is something else.
    """
    listed = isinstance(values, Sequence) and not isinstance(values, str) and len(values) > 0
    if not listed or not all(_is_whole(value, least) for value in values):
        raise _refusal(name, f"a list of whole numbers >= {least}", values)
    return list(values)


def number(
    name: str,
    value: Value,
    least: float | None = None,
    most: float | None = None,
    *,
    above: float | None = None,
    optional: bool = False,
) -> Value:
    """A finite number, not less than ``least``, more than ``above``; ``optional``: or null.

    Raises:
        UserError: it is none.
    """
    if value is None and optional:
        return value
    real = float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    low = -math.inf if least is None else least
    high = math.inf if most is None else most
    if not math.isfinite(real) or not low <= real <= high or (above is not None and real <= above):
        raise _refusal(name, f"a number{_span(least, most, above)}", value)
    return value


def flag(name: str, value: Value, *, optional: bool = False) -> Value:
    """True or false; ``optional``: or null.

    Raises:
        UserError: it is something else, the words "yes" and "no" among it.
    """
    if isinstance(value, bool) or (value is None and optional):
        return value
    raise _refusal(name, "true or false", value)


def one_of(name: str, value: Value, allowed: Iterable[object]) -> Value:
    """One of a few words; null where ``allowed`` has None.

    Raises:
        UserError: it is none of them.
    """
    choices = list(allowed)
    if value not in choices:
        *others, last = map(_shown, choices)
        raise _refusal(name, f"{', '.join(others)} or {last}" if others else last, value)
    return value


def strings(name: str, value: Sequence[str] | None) -> list[str]:
    """A list of texts; none of them for null.

    Raises:
        UserError: it is something else, such as one text.
    """
    if value is None:
        return []
    listed = isinstance(value, Sequence) and not isinstance(value, str)
    if not listed or not all(isinstance(text, str) for text in value):
        raise _refusal(name, "a list of texts", value)
    return list(value)


MOST_BYTES = 100
"""Of a name: what it is made part of must fit into the 255 that a file's name may have."""


def file_name(name: str, value: Value) -> Value:
    """A text that may be part of a file's name, and leads to no other folder.

    Raises:
        UserError: it is something else, empty, too long, a hidden file's name, or holds what
            cannot stand in a file's name.
    """
    if not isinstance(value, str):
        raise _refusal(name, "a text (in quotes, where it looks like a number)", value)
    shown = "".join(char if char.isprintable() else "?" for char in value)
    if not value.strip():
        raise UserError(f"{name}: a name, got '{shown}'")
    if any(char in "/\\" or unicodedata.category(char) in _NO_NAME for char in value):
        raise UserError(
            f"{name}: a name without slashes and control characters, since files are called after "
            f"it, got '{shown[:MOST_BYTES]}'"
        )
    if value.startswith("."):
        raise UserError(f"{name}: a name that does not begin with a dot, got '{shown}'")
    if (size := len(value.encode())) > MOST_BYTES:
        raise UserError(
            f"{name}: a name of at most {MOST_BYTES} bytes, since files are called after it, got "
            f"{size}: '{shown[:20]}…'"
        )
    return value


def _is_whole(value: object, least: int, most: int | None = None) -> bool:
    if not isinstance(value, int) or isinstance(value, bool):
        return False
    return value >= least and (most is None or value <= most)


def _span(least: float | None, most: float | None, above: float | None) -> str:
    """The range, in words."""
    if least is not None and most is not None:
        return f" from {least:g} to {most:g}"
    bounds = [f"> {above:g}"] if above is not None else []
    bounds += [f">= {least:g}"] if least is not None else []
    bounds += [f"<= {most:g}"] if most is not None else []
    return f" {' and '.join(bounds)}" if bounds else ""


def _refusal(name: str, allowed: str, value: object) -> UserError:
    return UserError(f"{name}: {allowed}, got '{_shown(value)}'")


def _shown(value: object) -> str:
    """As it stands on the command line."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
