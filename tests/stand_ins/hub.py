"""A stand-in for the hub on the loopback, and Python run so that it can reach nothing else.

A folder holds the repositories, ``models/ORG/NAME/…`` and ``datasets/ORG/NAME/…``; each has one
branch, ``main``, whose commit is a hash of its files.

    with Hub(folder) as hub:
        hub.python("script.py", "argument", home=tmp_path)        # HF_ENDPOINT is the stand-in
        hub.python("-m", "qa_bench", "run", …, home=tmp_path)
        assert ("HEAD", "/ORG/NAME/resolve/main/config.json") in hub.requests

Libraries read HF_ENDPOINT when they are imported: hence another process. Every connection that it
tries to anything but the loopback is refused, and told on stderr with exit status 97.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import runpy
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

KINDS = ("models", "datasets")
REFUSED = 97
_LOOPBACK = ("127.0.0.1", "localhost", "::1", "", None)
_VIEWER = "datasets-server.127.0.0.1"
"""What ``datasets`` makes of HF_ENDPOINT to ask for facts that it can do without."""


class Hub:
    """The server; started and stopped by ``with``."""

    def __init__(self, folder: Path, gated: frozenset[str] = frozenset()) -> None:
        """Serve the repositories in ``folder``; those in ``gated`` ask for a login."""
        self.folder = folder
        self.gated = gated
        self.requests: list[tuple[str, str]] = []
        self._server = ThreadingHTTPServer(
            ("127.0.0.1", 0), type("Bound", (_Handler,), {"hub": self})
        )
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Hub:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def commit(self, kind: str, name: str) -> str:
        """The commit that ``main`` of a repository is now; 40 hex digits."""
        parts = [
            f"{path}:{_oid(self.folder / kind / name / path)}" for path in self.files(kind, name)
        ]
        return hashlib.sha1("\n".join(parts).encode()).hexdigest()

    def files(self, kind: str, name: str) -> list[str]:
        """The paths of a repository's files."""
        top = self.folder / kind / name
        return sorted(p.relative_to(top).as_posix() for p in top.rglob("*") if p.is_file())

    def environment(self, home: Path) -> dict[str, str]:
        """The variables that send all libraries here; what they keep lies in ``home``."""
        ours = ("HF_", "HUGGING", "TRANSFORMERS_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
        kept = {key: value for key, value in os.environ.items() if not key.upper().startswith(ours)}
        return {
            **kept,
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_UPDATE_DOWNLOAD_COUNTS": "0",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        }

    def python(
        self,
        *words: str,
        home: Path,
        cwd: Path | None = None,
        env: dict[str, str] | None = None,
        timeout: float = 300,
    ) -> subprocess.CompletedProcess[str]:
        """Run ``python script.py …``, ``python -m module …`` or ``python -c code …``, guarded."""
        return subprocess.run(
            [sys.executable, __file__, *words],
            cwd=cwd,
            env={**self.environment(home), **(env or {})},
            capture_output=True,
            text=True,
            timeout=timeout,
        )


@cache
def _digest(path: str, size: int, changed: int) -> str:
    return hashlib.sha1(Path(path).read_bytes()).hexdigest()


def _oid(path: Path) -> str:
    status = path.stat()
    return _digest(str(path), status.st_size, status.st_mtime_ns)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in one packet: two would wait for each other
    hub: Hub

    def do_GET(self) -> None:
        path = self._told()
        if found := re.fullmatch(
            r"/api/(models|datasets)/(.+?)(?:/(revision|tree)/([^/]+)(/.*)?)?", path
        ):
            kind, name, asked, revision, inside = found.groups()
            if self._found(kind, name, unquote(revision or "main")):
                self._api(kind, name, asked, (inside or "").strip("/"))
        elif found := re.fullmatch(r"/(datasets/)?(.+?)/resolve/([^/]+)/(.+)", path):
            kind = "datasets" if found[1] else "models"
            if self._found(kind, found[2], unquote(found[3])):
                self._file(kind, found[2], unquote(found[4]))
        else:
            self._error(404, "EntryNotFound")

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self) -> None:
        path = self._told()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        found = re.fullmatch(r"/api/(models|datasets)/(.+?)/paths-info/([^/]+)", path)
        if not found:
            self._error(404, "EntryNotFound")
        elif self._found(found[1], found[2], unquote(found[3])):
            wanted = json.loads(body)["paths"] if body.startswith("{") else parse_qs(body)["paths"]
            entries = {entry["path"]: entry for entry in self._entries(found[1], found[2])}
            self._json([entries[path] for path in wanted if path in entries])

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _told(self) -> str:
        path = urlsplit(self.path).path
        self.hub.requests.append((self.command, path))
        return path

    def _found(self, kind: str, name: str, revision: str) -> bool:
        if not (self.hub.folder / kind / name).is_dir() or ".." in name:
            self._error(404, "RepoNotFound")
        elif name in self.hub.gated:
            self._error(403, "GatedRepo")
        elif revision not in ("main", "refs/heads/main", self.hub.commit(kind, name)):
            self._error(404, "RevisionNotFound")
        else:
            return True
        return False

    def _api(self, kind: str, name: str, asked: str | None, inside: str) -> None:
        if asked == "tree":
            recursive = parse_qs(urlsplit(self.path).query).get("recursive", ["false"])[0]
            below = f"{inside}/" if inside else ""
            entries = [
                entry
                for entry in self._entries(kind, name)
                if entry["path"].startswith(below)
                and (recursive.lower() in ("true", "1") or "/" not in entry["path"][len(below) :])
            ]
            if entries:
                self._json(entries)
            else:
                self._error(404, "EntryNotFound")
            return
        files = self.hub.files(kind, name)
        self._json(
            {
                "_id": "0",
                "id": name,
                "sha": self.hub.commit(kind, name),
                "private": False,
                "gated": False,
                "downloads": 0,
                "likes": 0,
                "tags": [],
                "siblings": [{"rfilename": path} for path in files],
            }
        )

    def _entries(self, kind: str, name: str) -> Iterator[dict[str, Any]]:
        top, folders = self.hub.folder / kind / name, set()
        for path in self.hub.files(kind, name):
            for parent in list(Path(path).parents)[:-1]:
                if parent not in folders:
                    folders.add(parent)
                    oid = hashlib.sha1(str(parent).encode()).hexdigest()
                    yield {"type": "directory", "oid": oid, "size": 0, "path": parent.as_posix()}
            size = (top / path).stat().st_size
            yield {"type": "file", "oid": _oid(top / path), "size": size, "path": path}

    def _file(self, kind: str, name: str, path: str) -> None:
        if path not in self.hub.files(kind, name):
            self._error(404, "EntryNotFound", self.hub.commit(kind, name))
            return
        file = self.hub.folder / kind / name / path
        content, status = file.read_bytes(), 200
        headers = {"ETag": f'"{_oid(file)}"', "X-Repo-Commit": self.hub.commit(kind, name)}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if asked:
            first, last = int(asked[1]), min(int(asked[2] or len(content)), len(content) - 1)
            if first >= len(content):
                self._send(416, b"", {**headers, "Content-Range": f"bytes */{len(content)}"})
                return
            headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
            content, status = content[first : last + 1], 206
        self._send(status, content, {**headers, "Accept-Ranges": "bytes"})

    def _json(self, value: Any) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _error(self, status: int, code: str, commit: str = "") -> None:
        headers = {"X-Error-Code": code, "X-Error-Message": code}
        self._send(status, b"", {**headers, **({"X-Repo-Commit": commit} if commit else {})})

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def guard() -> list[str]:
    """Refuse this process every connection beyond the loopback; returns the list of those tried."""
    tried: list[str] = []

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
            address = arguments[1]
            host = address[0] if isinstance(address, tuple) else ""  # "": a socket of this machine
        elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
            host = arguments[0]
        else:
            return
        host = host.decode() if isinstance(host, bytes) else host
        if host == _VIEWER:
            raise ConnectionRefusedError("the stand-in has no dataset viewer")
        if host not in _LOOPBACK:
            tried.append(f"{event} {host}")
            raise ConnectionRefusedError(f"the guard refuses {event} to {host}")

    sys.addaudithook(refuse)
    return tried


def _main(words: list[str]) -> None:
    tried = guard()
    try:
        if words[0] == "-c":
            sys.argv = ["-c", *words[2:]]
            exec(compile(words[1], "<string>", "exec"), {"__name__": "__main__"})
        elif words[0] == "-m":
            sys.argv = words[1:]
            runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = words
            sys.path.insert(0, str(Path(words[0]).resolve().parent))
            runpy.run_path(words[0], run_name="__main__")
    finally:
        if tried:
            sys.stdout.flush()
            print("refused:", *dict.fromkeys(tried), sep="\n  ", file=sys.stderr, flush=True)
            os._exit(REFUSED)


if __name__ == "__main__":
    _main(sys.argv[1:])
