"""A language model behind an OpenAI-compatible server that goes wrong as told.

A fault is one of ``FAULTS``, or a status with the seconds of its Retry-After: "429 1".
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FAULTS = ("refuse", "stall", "drip", "429", "500", "malformed", "empty", "nothing", "null", "half",
          "half closed", "not http")  # fmt: skip


class Server(ThreadingHTTPServer):
    """Replies in capitals; ``fault(prompt, n)`` tells what goes wrong the n-th time.

    ``usage(prompt)`` is what it tells of tokens.

    ``seconds`` is how long a reply takes; ``bodies``, ``headers`` and ``times`` are the requests'
    that came, ``asked`` counts them by prompt, ``most`` is how many were under way at once.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        self.fault: Callable[[str, int], str | None] = lambda prompt, n: None
        self.reply: Callable[[str], str] = str.upper
        self.usage: Callable[[str], object] = lambda prompt: {
            "prompt_tokens": len(prompt.split()),
            "completion_tokens": 2,
        }
        self.seconds = 0.0
        self.lock = threading.Lock()
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.times: list[float] = []
        self.asked: Counter[str] = Counter()
        self.under_way = self.most = 0
        self.busy = 0.0
        self.over = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.shutdown()
        self.server_close()
        self._thread.join()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are what is tested."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *args: Any) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        server, began = self.server, time.monotonic()
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = body["messages"][-1]["content"] if "messages" in body else body["prompt"]
        with server.lock:
            server.bodies.append({"path": self.path, **body})
            server.headers.append(dict(self.headers))
            server.times.append(began)
            server.asked[prompt] += 1
            times = server.asked[prompt]
            server.under_way += 1
            server.most = max(server.most, server.under_way)
        time.sleep(server.seconds)
        text = server.reply(prompt)
        chat = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        told = {
            "choices": [chat if "messages" in body else {"text": text, "finish_reason": "stop"}],
            "usage": server.usage(prompt),
        }
        with server.lock:
            server.under_way -= 1
            server.busy += time.monotonic() - began
        self.send(server.fault(prompt, times), json.dumps(told).encode())

    def send(self, fault: str | None, whole: bytes) -> None:
        if fault == "refuse":
            self.connection.shutdown(socket.SHUT_RDWR)
        elif fault == "stall":
            self.server.over.wait(5)
        elif fault == "drip":
            self.answer(200, whole[:0], len(whole))
            for byte in whole:
                if self.server.over.wait(0.05):
                    break
                self.wfile.write(bytes([byte]))
        elif fault == "half":
            self.answer(200, whole[: len(whole) // 2], len(whole))
            self.connection.shutdown(socket.SHUT_RDWR)
        elif fault == "half closed":  # no length: the end of the connection is the end
            self.answer(200, whole[: len(whole) // 2], None)
        elif fault == "not http":
            self.wfile.write(b"220 smtp.example.org ESMTP\r\n")
            self.close_connection = True
        elif fault in ("malformed", "empty", "nothing", "null"):
            bad = {"malformed": b'{"choices": [', "empty": b"", "nothing": b"{}", "null": b"null"}
            self.answer(200, bad[fault])
        elif fault is None:
            self.answer(200, whole)
        else:
            status, _, after = fault.partition(" ")
            message = f"no: {self.headers.get('Authorization')}"
            bad = json.dumps({"error": {"message": message}}).encode()
            self.answer(int(status), bad, len(bad), {"Retry-After": after} if after else {})

    def answer(
        self, status: int, body: bytes, length: int | None = -1, more: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        if length is None:
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(len(body) if length < 0 else length))
        for name, value in (more or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
