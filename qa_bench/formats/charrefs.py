"""HTML's character references, whatever stands in them."""

from __future__ import annotations

import html
import re

_ZEROS = re.compile(r"&#([xX]?)0+(?=[0-9a-fA-F])")
_BEYOND = re.compile(r"&#(?:[0-9]{8,}|[xX][0-9a-fA-F]{7,})")


def unescape(text: str) -> str:
    """``html.unescape``, which cannot read numbers of more than 4,300 digits.

    HTML makes U+FFFD of a number beyond Unicode; here too, however many digits it has.
    """
    if "&" not in text:
        return text
    if "&#" in text and _BEYOND.search(text):
        text = _BEYOND.sub("&#x110000", _ZEROS.sub(r"&#\1", text))
    return html.unescape(text)
