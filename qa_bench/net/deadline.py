"""One deadline for all that is read of a connection, however it comes in."""

from __future__ import annotations

import io
import socket
import time
from typing import Any


class Deadline:
    """When waiting ends; it can be set anew."""

    def __init__(self) -> None:
        """For ever."""
        self._end = float("inf")

    def set(self, seconds: float) -> None:
        """So many seconds from now."""
        self._end = time.monotonic() + seconds

    def seconds(self) -> float:
        """Those left.

        Raises:
            TimeoutError: there are none.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class TimedBytes(io.RawIOBase):
    """What comes from a socket; every piece is waited for until the deadline and no longer.

    A socket's own timeout begins anew with every byte: who sends one a second never lets a line of
    headers end.
    """

    def __init__(self, raw: Any, opened: socket.socket, deadline: Deadline) -> None:
        """Read ``raw``, the bytes of the socket ``opened``."""
        self._raw, self._opened, self._deadline = raw, opened, deadline

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """The next bytes.

        Raises:
            TimeoutError: the time is over.
        """
        self._opened.settimeout(self._deadline.seconds())
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        """Let the socket go."""
        self._raw.close()
        super().close()
