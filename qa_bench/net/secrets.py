"""What others say, without secrets: they are taken out before anything is cut off."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

_QUERY = re.compile(r"(https?://[^\s?#'\"<>]*)\?[^\s'\"<>)]*", re.IGNORECASE)
_LOGIN = re.compile(r"(https?://)[^\s/@'\"<>]*@", re.IGNORECASE)


def redacted(text: str, secrets: Iterable[str | None] = ()) -> str:
    """``text`` with … for each secret, as it is or as JSON and Python write it.

    Half a secret is not recognised: cut what this returns, not what it is given.
    """
    for secret in filter(None, secrets):
        quoted = json.dumps(secret)[1:-1]
        for written in {secret, quoted, quoted.replace("/", "\\/"), repr(secret)[1:-1]}:
            text = text.replace(written, "…")
    return text


def redacted_addresses(text: str) -> str:
    """``text`` with the addresses in it as ``shown`` has them: no login, no query."""
    return _QUERY.sub(r"\1?…", _LOGIN.sub(r"\1", text))
