"""Names in messages: which there are, and which is nearest to one that does not exist."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_LISTED = 30
"""So many names are listed at most."""


def near(word: str, names: Iterable[str], asks: str = "did you mean") -> str:
    """``; did you mean …?`` where a name is near, else nothing."""
    by_lower = {name.lower(): name for name in names}
    close = get_close_matches(word.lower(), list(by_lower), n=1, cutoff=0.65)
    return f"; {asks} {by_lower[close[0]]}?" if close else ""


def listed(names: Iterable[str]) -> str:
    """Names in one line; of many the first, and how many more."""
    every = list(names)
    rest = len(every) - _LISTED
    return ", ".join(every[:_LISTED]) + (f" and {rest} more" if rest > 0 else "")
