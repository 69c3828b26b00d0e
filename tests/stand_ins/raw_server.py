"""A server on the loopback that sends bytes as told, whether they are HTTP or not."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Iterable, Iterator


class RawServer:
    """Answers every request with the pieces of ``answer``, so many seconds apart.

    ``requests`` are those that came, as bytes of their heads.
    """

    def __init__(self, answer: Iterable[bytes], seconds: float = 0.0) -> None:
        self.answer, self.seconds = answer, seconds
        self.requests: list[bytes] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._over = threading.Event()

    def url(self, path: str = "/file.csv") -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}{path}"

    def __enter__(self) -> RawServer:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while not self._over.is_set():
                opened, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(opened,), daemon=True).start()

    def _serve(self, opened: socket.socket) -> None:
        with contextlib.suppress(OSError), opened:
            self.requests.append(opened.recv(1 << 16))
            for piece in self.answer:
                opened.sendall(piece)
                if self._over.wait(self.seconds):
                    break


def bytes_of(head: bytes, for_ever: bytes) -> Iterable[bytes]:
    """Byte by byte: first ``head``, then ``for_ever`` again and again."""

    class Bytes:
        def __iter__(self) -> Iterator[bytes]:
            return (bytes([one]) for one in itertools.chain(head, itertools.cycle(for_ever)))

    return Bytes()


DRIPS = {
    "status": bytes_of(b"HTTP/1.1 200 O", b"K"),
    "header": bytes_of(b"HTTP/1.1 200 OK\r\nX: ", b"a"),
    "headers": bytes_of(b"HTTP/1.1 200 OK\r\n", b"X: a\r\n"),
    "continue": bytes_of(b"", b"HTTP/1.1 100 C\r\n\r\n"),
    "chunk size": bytes_of(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
    "chunks": bytes_of(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
    "trailer": bytes_of(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: a\r\n"),
    "body": bytes_of(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"a"),
}
"""Answers that never end, by what it is that does not."""
