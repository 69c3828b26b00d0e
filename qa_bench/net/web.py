"""One request over HTTP or HTTPS: timeouts, redirects and proxies as a download wants them."""

from __future__ import annotations

import base64
import http.client
import re
import socket
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from qa_bench import __version__
from qa_bench.net.patience import Patience

_AGAIN = {408, 425, 429, 500, 502, 503, 504}
"""Statuses that may pass."""

_SCHEMES = ("http", "https")


class GiveUp(Exception):  # noqa: N818
    """This URL will not give the file; the message has no URL in it."""


class TryAgain(Exception):  # noqa: N818
    """It may work another time; the message has no URL in it."""

    def __init__(self, message: str, after: float | None = None) -> None:
        """``after``: the seconds that the server asks to wait."""
        super().__init__(message)
        self.after = after


def shown(url: str) -> str:
    """The URL as it may be logged: without name, password, and whatever may hold a token."""
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:
        return "an address that is none"
    query = "…" if parts.query else ""
    return urllib.parse.urlunsplit((parts.scheme, _host(parts), parts.path, query, ""))


def _host(parts: urllib.parse.SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]


def told_size(count: int | None) -> str:
    """A number of bytes as people read it."""
    if count is None:
        return "size unknown"
    size, units = float(count), ["B", "kB", "MB", "GB"]
    while size >= 1000 and len(units) > 1:
        size, units = size / 1000, units[1:]
    return f"{size:.{0 if units[0] == 'B' else 1}f} {units[0]}"


class Answer:
    """A server's answer; a context manager that closes the connection."""

    def __init__(self, response: Any) -> None:
        """Read the headers that matter."""
        self._response = response
        headers = response.headers
        self.status: int = response.status
        self.first: int | None = None
        self.total: int | None = None
        self.packed: str = headers.get("Content-Encoding", "").replace("identity", "")
        etag = headers.get("ETag", "")
        weak = etag.startswith("W/")
        self.validator: str | None = (
            etag if etag and not weak else headers.get("Last-Modified") or None
        )
        ranged = re.fullmatch(
            r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", headers.get("Content-Range", "").strip()
        )
        if ranged:
            self.first = int(ranged[1]) if ranged[1] else None
            self.total = int(ranged[2]) if ranged[2] != "*" else None
        elif self.status == 200 and headers.get("Content-Length", "").isdigit():
            self.total = int(headers["Content-Length"])

    def read(self, limit: int) -> bytes:
        """The next bytes, as soon as there are some; none at the end.

        Raises:
            TryAgain: the connection broke, or nothing came in time.
        """
        try:
            data: bytes = self._response.read1(limit)
        except TimeoutError:
            raise TryAgain("nothing came in time: the server stalled") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise TryAgain(f"the connection broke ({type(error).__name__})") from None
        return data

    def __enter__(self) -> Answer:
        """As it is."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self._response.close()


def ask(url: str, headers: Mapping[str, str], patience: Patience) -> Answer:
    """Request ``url``; status 200, 206 or 416.

    Raises:
        TryAgain: a timeout, a broken connection, or a status that may pass.
        GiveUp: any other status, another scheme, an unknown host, redirects in a loop.
    """
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:
        raise GiveUp("not an http or https address") from None
    if parts.scheme not in _SCHEMES or not _host(parts):
        raise GiveUp("not an http or https address")
    login = parts.netloc.rpartition("@")[0]
    request = urllib.request.Request(  # noqa: S310
        urllib.parse.urlunsplit(parts._replace(netloc=_host(parts), fragment="")),
        headers={
            "User-Agent": f"qa-bench/{__version__}",
            "Accept-Encoding": "identity",
            **headers,
        },
    )
    if login:  # kept out of redirects
        token = base64.b64encode(urllib.parse.unquote(login).encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {token}")
    try:
        return Answer(_opener(patience).open(request, timeout=patience.connect_s))
    except urllib.error.HTTPError as error:
        return _refused(error)
    except urllib.error.URLError as error:
        raise _unreached(error.reason) from None
    except TimeoutError:
        raise TryAgain("no answer in time") from None
    except http.client.InvalidURL:
        raise GiveUp("not a valid address") from None
    except (OSError, http.client.HTTPException) as error:
        raise TryAgain(f"the connection broke ({type(error).__name__})") from None


def _refused(error: urllib.error.HTTPError) -> Answer:
    if error.code == 416:
        return Answer(error)
    with error:
        if error.code in _AGAIN:
            raise TryAgain(f"status {error.code}", _after(error.headers.get("Retry-After")))
        if error.code in (301, 302, 303, 307, 308):
            raise GiveUp("it redirects in a loop, or to something that is not http or https")
        raise GiveUp(f"status {error.code} {error.reason or ''}".rstrip())


def _unreached(reason: Any) -> Exception:
    if isinstance(reason, socket.gaierror) and reason.errno != socket.EAI_AGAIN:
        return GiveUp("there is no such host, or no network")
    if isinstance(reason, ssl.SSLCertVerificationError):
        return GiveUp(f"its certificate is not valid ({reason.verify_message})")
    if isinstance(reason, TimeoutError):
        return TryAgain("no connection in time")
    told = reason.strerror if isinstance(reason, OSError) else None
    return TryAgain(f"no connection ({told or type(reason).__name__})")


def _after(value: str | None) -> float | None:
    """Seconds of a Retry-After header, which may be a date; None if there is none."""
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https, never from https to http."""

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Any:
        new, old = urllib.parse.urlsplit(newurl).scheme, urllib.parse.urlsplit(req.full_url).scheme
        if new not in _SCHEMES or (old == "https" and new == "http"):
            return None  # the redirect itself is the answer, an error
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener(patience: Patience) -> urllib.request.OpenerDirector:
    """Nothing but HTTP and HTTPS, with the proxies of the environment."""

    class Plain(http.client.HTTPConnection):
        def connect(self) -> None:
            super().connect()
            self.sock.settimeout(patience.read_s)

    class Secure(http.client.HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            self.sock.settimeout(patience.read_s)

    class PlainHandler(urllib.request.HTTPHandler):
        def http_open(self, req: Any) -> Any:
            return self.do_open(Plain, req)

    class SecureHandler(urllib.request.HTTPSHandler):
        def https_open(self, req: Any) -> Any:
            return self.do_open(Secure, req, context=ssl.create_default_context())

    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        PlainHandler(),
        SecureHandler(),
        _Redirects(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener
