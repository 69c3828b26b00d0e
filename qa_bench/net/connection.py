"""One connection to a server: TLS, proxies, times, and an end at once where nobody waits any more.

Downloads open one for each request and read it as it comes (``web``); a language model's client
keeps one a thread and takes each answer whole.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from qa_bench import __version__
from qa_bench.net.address import Address
from qa_bench.net.deadline import Deadline, TimedBytes
from qa_bench.net.failures import (
    TryAgain,
    in_one_line,
    of_connecting,
    of_exchange,
    of_reading,
)

_BLOCK = 1 << 16
_LONGEST = 1 << 24
"""Bytes of an answer that is taken whole; a server that sends more is out of its mind."""
_HEADERS = {"User-Agent": f"qa-bench/{__version__}", "Accept-Encoding": "identity"}


class Connection:
    """Opened when needed, and kept as long as both sides want it; of one thread."""

    def __init__(
        self,
        address: Address,
        connect_s: float,
        stopped: threading.Event | None = None,
        once: bool = False,
    ) -> None:
        """Open nothing yet.

        Args:
            address: the server's; its path is not looked at.
            connect_s: seconds for a connection.
            stopped: once set, and ``close`` called, nothing is opened or waited for any more.
            once: it is closed after an answer, whatever the server thinks of that.
        """
        self.once = once
        self._address, self._connect_s, self._stopped = address, connect_s, stopped
        self._open: http.client.HTTPConnection | None = None
        self._socket: socket.socket | None = None
        self.deadline = Deadline()
        """Of what is under way: nothing that is read is waited for longer."""

    def request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        timeout_s: float,
        body: bytes | None = None,
    ) -> Response:
        """The server's answer, its content yet to be read.

        Args:
            method: GET or POST.
            path: with the query.
            headers: beside those that every request has.
            timeout_s: seconds until the answer's head has come, connection and all.
            body: what is posted.

        Raises:
            TryAgain: no connection, a broken one, or no answer in time.
            GiveUp: there is no such host, or its certificate is not valid.
        """
        reuse = self._open is not None
        self.deadline.set(timeout_s)
        try:
            return self._exchange(method, path, headers, body)
        except (ConnectionError, http.client.BadStatusLine) as error:
            if not reuse:
                raise of_exchange(error, timeout_s) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise of_exchange(error, timeout_s) from None
        # Servers may close a kept connection at any time: that says nothing of this request.
        try:
            return self._exchange(method, path, headers, body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise of_exchange(error, timeout_s) from None

    def _exchange(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> Response:
        try:
            connection, opened = self._connected()
            opened.settimeout(self.deadline.seconds())
            connection.request(method, self.target(path), body, self._headers(headers))
            return Response(self, connection.getresponse())
        except BaseException:
            self.close()
            raise

    def _connected(self) -> tuple[http.client.HTTPConnection, socket.socket]:
        connection, opened = self._open, self._socket
        if connection is None or opened is None:
            connection = self._new()
            connection.auto_open = 0  # one that another thread closed stays closed
            opened = connection.sock
            self._open, self._socket = connection, opened
            if self._stopped is not None and self._stopped.is_set():
                # Looked at after it stands where close() finds it: one of both sees it.
                raise TryAgain("closed by another thread")
        return connection, opened

    def _new(self) -> http.client.HTTPConnection:
        connection: Any
        try:
            connection = self._connection(min(self._connect_s, self.deadline.seconds()))
        except (OSError, ValueError) as error:
            raise of_connecting(error) from None
        connection.response_class = self._response
        try:
            connection.connect()
        except BaseException as error:
            connection.close()  # a proxy may have been reached
            if isinstance(error, OSError | ValueError):
                raise of_connecting(error) from None
            raise
        made: http.client.HTTPConnection = connection
        return made

    def _response(self, opened: socket.socket, *rest: Any, **more: Any) -> Any:
        """An answer to be read, a proxy's too, whose every byte minds the deadline."""
        response: Any = http.client.HTTPResponse(opened, *rest, **more)
        bytes_of = TimedBytes(response.fp.detach(), opened, self.deadline)
        response.fp = io.BufferedReader(bytes_of)
        return response

    @cached_property
    def _proxy(self) -> Address | None:
        return self._address.proxy()

    def _connection(self, seconds: float) -> http.client.HTTPConnection:
        address, proxy = self._address, self._proxy
        to = proxy or address
        if not address.secure and not to.secure:
            return http.client.HTTPConnection(to.host, to.port, timeout=seconds)
        connection = http.client.HTTPSConnection(
            to.host, to.port, timeout=seconds, context=ssl.create_default_context()
        )
        if proxy is not None and address.secure:
            login = {"Proxy-Authorization": proxy.authorization} if proxy.login else {}
            connection.set_tunnel(address.host, address.port or 443, login)
        return connection

    def target(self, path: str) -> str:
        """What the first line of a request names: all of the address, where a proxy is asked."""
        if self._address.secure or self._proxy is None:
            return path
        return f"{self._address.scheme}://{self._address.netloc}{path}"

    def _headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        proxy = None if self._address.secure else self._proxy
        login = {"Proxy-Authorization": proxy.authorization} if proxy and proxy.login else {}
        return {**_HEADERS, **login, **headers}

    def close(self) -> None:
        """Close it; what waits on it, in whatever thread, ends with an error."""
        connection, self._open = self._open, None
        opened, self._socket = self._socket, None
        if opened is not None:
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
        if connection is not None:
            connection.close()


class Response:
    """A server's answer; a context manager that lets the connection go.

    Attributes:
        status: of HTTP.
        reason: the status in the server's words.
        headers: of the answer.
    """

    def __init__(self, owner: Connection, response: Any) -> None:
        """An answer whose headers have come."""
        self._owner, self._response = owner, response
        self._whole = False
        self.status: int = response.status
        self.reason: str = in_one_line(response.reason or "")
        self.headers: Any = response.headers

    def read(self, limit: int, timeout_s: float) -> bytes:
        """The next bytes, as soon as there are some; none at the end.

        Raises:
            TryAgain: the connection broke, or nothing came in time.
        """
        try:
            self._owner.deadline.set(timeout_s)
            data: bytes = self._response.read1(limit)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise of_reading(error) from None
        self._whole = not data and not self._response.will_close and not self._response.length
        return data

    @property
    def missing(self) -> int:
        """Bytes that were announced and have not come."""
        return int(self._response.length or 0)

    def whole(self, timeout_s: float) -> bytes:
        """All bytes, if they come within so many seconds: one who drips cannot hold us for ever.

        Raises:
            TryAgain: the connection broke, the time is over, or there is no end.
        """
        deadline, size = time.monotonic() + timeout_s, 0
        pieces: list[bytes] = []
        while size <= _LONGEST:
            seconds = deadline - time.monotonic()
            if seconds <= 0:
                raise of_reading(TimeoutError())
            piece = self.read(_BLOCK, seconds)
            if not piece and self.missing:
                raise TryAgain(f"the connection ended {self.missing:,} bytes early")
            if not piece:
                return b"".join(pieces)
            pieces.append(piece)
            size += len(piece)
        raise TryAgain("an answer without end")

    def __enter__(self) -> Response:
        """As it is."""
        return self

    def __exit__(self, *_: object) -> None:
        """Keep the connection where it can be used again, else close it."""
        self.close()

    def close(self) -> None:
        """Let the connection go."""
        self._response.close()
        if self._owner.once or not self._whole:
            self._owner.close()
