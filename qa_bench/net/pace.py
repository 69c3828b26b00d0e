"""When the next request to a server may start, for all threads together."""

from __future__ import annotations

import threading
import time


class Pace:
    """So many requests a minute, pauses, and the end of all waiting."""

    def __init__(self, per_minute: float | None) -> None:
        """At most so many requests a minute; None for no limit."""
        self._interval = 60 / per_minute if per_minute else 0.0
        self._next = 0.0
        self._lock = threading.Lock()
        self.stopped = threading.Event()
        """Set when nobody wants replies any more."""

    def wait(self) -> None:
        """Until this thread's turn."""
        with self._lock:
            now = time.monotonic()
            start = max(now, self._next)
            if self._interval:
                self._next = start + self._interval
        if start > now:
            self.stopped.wait(start - now)

    def pause(self, seconds: float) -> None:
        """Of this thread alone."""
        self.stopped.wait(seconds)

    def hold(self, seconds: float) -> None:
        """Let no request start for so long: the server asked for it."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)
