"""A server on the loopback that misbehaves as told."""

from __future__ import annotations

import hashlib
import re
import socket
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Act = Callable[["_Handler", bytes], None]

CONTENT = b"".join(b"line %d of the file\n" % n for n in range(2000))
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server:
    """Serves CONTENT at every path; ``acts[path]`` are its ways, one a request, the last stays.

    ``content[path]`` is served instead; a server made with files has no others. ``requests`` are
    those that came, (path, headers), and ``paths`` their paths.
    """

    def __init__(self, files: Mapping[str, bytes] | None = None) -> None:
        self.content: dict[str, bytes] = dict(files or {})
        self.usual = whole() if files is None else status(404)
        self.acts: dict[str, list[Act]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.paths: list[str] = []
        self._server = ThreadingHTTPServer(
            ("127.0.0.1", 0), type("Bound", (_Handler,), {"server_of": self})
        )
        self._server.daemon_threads = True

    def url(self, path: str = "/file.csv", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self._server.server_port}{path}"

    def ranges(self) -> list[str | None]:
        return [headers.get("Range") for _, headers in self.requests]

    def __enter__(self) -> Server:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_of: Server

    def do_GET(self) -> None:
        server = self.server_of
        server.requests.append((self.path, dict(self.headers)))
        server.paths.append(self.path)
        usual = whole() if self.path in server.content else server.usual
        acts = server.acts.get(self.path, [usual])
        act = acts.pop(0) if len(acts) > 1 else acts[0]
        act(self, server.content.get(self.path, CONTENT))

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def start(self, status: int, headers: dict[str, str | None]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True


def etag(content: bytes) -> str:
    return f'"{hashlib.md5(content).hexdigest()}"'


def whole(
    upto: int | None = None,
    ranges: bool = True,
    validator: bool = True,
    length: int | None = None,
    stall: float = 0,
    drip: float = 0,
    **headers: str,
) -> Act:
    """The file as a good server sends it, but for what is asked.

    ``upto``: break off after so many bytes of the file; ``ranges=False``: ignore Range;
    ``validator=False``: no ETag; ``length``: a Content-Length that lies; ``stall``: seconds of
    silence where it breaks off; ``drip``: seconds between two bytes.
    """

    def act(handler: _Handler, content: bytes) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range") or "")
        same = handler.headers.get("If-Range") in (None, etag(content))
        first = int(asked[1]) if asked and ranges and same else 0
        told: dict[str, str | None] = {
            "ETag": etag(content) if validator else None,
            "Content-Length": str(length if length is not None else len(content) - first),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        if first >= len(content) > 0:
            handler.start(416, {"Content-Range": f"bytes */{len(content)}", "Content-Length": "0"})
            return
        if first:
            told["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        handler.start(206 if first else 200, told)
        body = content[first:] if upto is None else content[first : max(first, upto)]
        if drip:
            for place in range(len(body)):
                handler.wfile.write(body[place : place + 1])
                time.sleep(drip)
            return
        handler.wfile.write(body)
        if stall:
            time.sleep(stall)
        elif upto is not None:
            handler.connection.shutdown(socket.SHUT_RDWR)

    return act


def status(code: int, **headers: str) -> Act:
    """An answer without the file."""

    def act(handler: _Handler, content: bytes) -> None:
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        handler.start(code, {"Content-Length": "0", **told})

    return act
