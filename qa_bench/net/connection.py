"""HTTP as a language model's server wants it: kept connections, a deadline, a common pace."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import ssl
import threading
import time
import urllib.parse
import urllib.request
from email.utils import parsedate_to_datetime
from typing import Any

from qa_bench.errors import UserError

_BLOCK = 1 << 16
_CONNECT_S = 15.0
_LONGEST_REPLY = 1 << 24
"""Bytes; a server that sends more than that for one prompt is out of its mind."""


class Address:
    """A server's address, taken apart, and the proxy of the environment that leads to it."""

    def __init__(self, url: str) -> None:
        """Check ``url``, the part before ``/chat/completions``.

        Raises:
            UserError: it is no address, or holds what may be a secret; that is not repeated.
        """
        would = "would be right: http://127.0.0.1:8000/v1, with the key in lm.key_from"
        try:
            parts = urllib.parse.urlsplit(url)
            self.port = parts.port
        except ValueError:
            raise UserError(f"lm.url: not an address; {would}") from None
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise UserError(f"lm.url: no name, password, ? or # may be in it; {would}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UserError(f"lm.url: '{url}' is not an http or https address; {would}")
        if re.search(r"[\s\x00-\x1f\x7f]", url) or not url.isascii():
            raise UserError(f"lm.url: a space or a character that does not belong there; {would}")
        self.secure, self.host = parts.scheme == "https", parts.hostname
        self.path = parts.path.rstrip("/")
        self.shown = url
        self.proxy: urllib.parse.SplitResult | None = None
        named = urllib.request.getproxies().get(parts.scheme)
        if named and not urllib.request.proxy_bypass(parts.netloc):
            proxy = urllib.parse.urlsplit(named if "//" in named else f"http://{named}")
            self.proxy = proxy if proxy.hostname else None


class Connection:
    """One connection, opened when needed and kept; of one thread."""

    def __init__(self, address: Address, timeout_s: float, stopped: threading.Event) -> None:
        """Open nothing yet.

        Args:
            address: where to.
            timeout_s: for a whole exchange, in seconds.
            stopped: once set, and ``close`` called, nothing is opened or waited for any more.
        """
        self._address, self._timeout, self._stopped = address, timeout_s, stopped
        self._open: http.client.HTTPConnection | None = None
        self._socket: socket.socket | None = None

    def post(self, place: str, body: bytes, headers: dict[str, str]) -> tuple[int, Any, bytes]:
        """Status, headers and body of the answer.

        Raises:
            OSError: no connection, a broken one, or the time is over (TimeoutError).
            http.client.HTTPException: what came is not HTTP.
        """
        deadline = time.monotonic() + self._timeout
        kept = self._open is not None
        try:
            return self._exchange(place, body, headers, deadline)
        except (ConnectionError, http.client.BadStatusLine):
            if not kept:
                raise
        # Servers may close a kept connection at any time: that says nothing of this request.
        return self._exchange(place, body, headers, deadline)

    def _exchange(
        self, place: str, body: bytes, headers: dict[str, str], deadline: float
    ) -> tuple[int, Any, bytes]:
        whole, response = False, None
        try:
            connection = self._connected()
            opened = self._socket
            if opened is None:
                raise ConnectionError("closed by another thread")
            opened.settimeout(self._timeout)
            connection.request("POST", self._target(place), body, headers)
            response = connection.getresponse()
            pieces, size = [], 0
            while True:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError
                opened.settimeout(left)  # so that one who drips cannot hold us for ever
                piece = response.read1(_BLOCK)
                if not piece:
                    break
                pieces.append(piece)
                size += len(piece)
                if size > _LONGEST_REPLY:
                    raise http.client.HTTPException("endless")
            whole = not response.will_close and not response.length
            return response.status, response.headers, b"".join(pieces)
        finally:
            if response is not None:
                response.close()  # a connection that can stay does
            if not whole:
                self.close()

    def _connected(self) -> http.client.HTTPConnection:
        if self._open is not None:
            return self._open
        address, proxy = self._address, self._address.proxy
        host, port = address.host, address.port
        if proxy is not None:
            host, port = str(proxy.hostname), proxy.port
        made: http.client.HTTPConnection
        wait = min(self._timeout, _CONNECT_S)
        if address.secure:
            context = ssl.create_default_context()
            made = http.client.HTTPSConnection(host, port, timeout=wait, context=context)
            if proxy is not None:
                made.set_tunnel(address.host, address.port or 443)
        else:
            made = http.client.HTTPConnection(host, port, timeout=wait)
        made.connect()
        made.auto_open = 0  # one that another thread closed stays closed
        self._open, self._socket = made, made.sock
        if self._stopped.is_set():  # after it stands where close() finds it: one of both sees it
            self.close()
            raise ConnectionError("closed by another thread")
        return made

    def _target(self, place: str) -> str:
        path = f"{self._address.path}{place}"
        if self._address.proxy is None or self._address.secure:
            return path
        port = f":{self._address.port}" if self._address.port else ""
        return f"http://{self._address.host}{port}{path}"

    def close(self) -> None:
        """Close it; what waits on it, in whatever thread, ends with an OSError."""
        connection, self._open = self._open, None
        opened, self._socket = self._socket, None
        if opened is not None:
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
        if connection is not None:
            connection.close()


class Pace:
    """When the next request may start, for all threads together."""

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


def retry_after(headers: Any) -> float | None:
    """Seconds of a Retry-After header, which may be a date; None where there is none."""
    value = str(headers.get("Retry-After", "")).strip()
    try:
        if re.fullmatch(r"\d+(\.\d+)?", value):
            return float(value)
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None
