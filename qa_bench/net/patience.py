"""How long a server is waited for, and how often it is asked again."""

from __future__ import annotations

import random
import re
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any


@dataclass(frozen=True)
class Patience:
    """Times in seconds.

    Attributes:
        connect_s: for a connection.
        read_s: for the next bytes.
        slowest_bytes_s: a server that sends less, over ``read_s``, counts as stalled.
        tries: requests in a row that bring less than ``progress_bytes``.
        progress_bytes: what makes a failed try count as progress.
        backoff_s: pause after the first try; doubled after each.
        longest_s: the longest pause, whatever the server asks for.
    """

    connect_s: float = 15
    read_s: float = 60
    slowest_bytes_s: float = 200
    tries: int = 6
    progress_bytes: int = 1 << 20
    backoff_s: float = 1
    longest_s: float = 120

    def pause(self, tries: int, seconds: float | None = None) -> float:
        """Seconds to wait after so many tries: what the server asked for, else 2^n with jitter."""
        if seconds is not None:
            return min(seconds, self.longest_s)
        doubled = self.backoff_s * 2 ** (tries - 1)
        return float(min(doubled, self.longest_s) * random.uniform(0.5, 1))  # noqa: S311


def retry_after(headers: Any) -> float | None:
    """Seconds of a Retry-After header, which may be a date; None where there is none."""
    value = str(headers.get("Retry-After", "")).strip()
    try:
        if re.fullmatch(r"[0-9]+(\.[0-9]+)?", value):
            return float(value)
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError, LookupError, AttributeError):
        return None  # the standard library's reader of dates raises all of these
