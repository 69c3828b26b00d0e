"""What a download asks of the web: one GET, redirects followed, and the headers that matter."""

from __future__ import annotations

import re
import string
import urllib.parse
from collections.abc import Mapping

from qa_bench.net.address import Address
from qa_bench.net.connection import Connection, Response
from qa_bench.net.failures import GiveUp, TryAgain, may_pass
from qa_bench.net.patience import Patience, retry_after

_REDIRECTS = {301, 302, 303, 307, 308}
_MOST_REDIRECTS = 10
_NUMBER = re.compile(r"[0-9]{1,18}")  # other digits, or more of them, are no number of bytes
_RANGE = re.compile(r"bytes (?:([0-9]{1,18})-([0-9]{1,18})|\*)/([0-9]{1,18}|\*)")


def told_size(count: int | None) -> str:
    """A number of bytes as people read it."""
    if count is None:
        return "size unknown"
    size, units = float(count), ["B", "kB", "MB", "GB"]
    while size >= 1000 and len(units) > 1:
        size, units = size / 1000, units[1:]
    return f"{size:.{0 if units[0] == 'B' else 1}f} {units[0]}"


class Answer:
    """A server's answer; a context manager that closes the connection.

    Attributes:
        status: 200, 206 or 416.
        first: of the file's bytes, the first that comes; None where that is not said.
        end: behind the last that comes; None where that is not said.
        total: bytes of the file; None where that is not said.
        packed: how the content is packed; empty where it is not.
        validator: what tells this version of the file from others; None where nothing does.
        etag: of this version, weak or not; None where there is none.
        modified: when this version was made; None where that is not said.
    """

    def __init__(self, response: Response, patience: Patience) -> None:
        """Read the headers that matter."""
        self._response, self._patience = response, patience
        headers = response.headers
        self.status = response.status
        self.first: int | None = None
        self.end: int | None = None
        self.total: int | None = None
        self.packed: str = headers.get("Content-Encoding", "").replace("identity", "")
        etag = headers.get("ETag", "")
        weak = etag.startswith("W/")
        self.validator: str | None = (
            etag if etag and not weak else headers.get("Last-Modified") or None
        )
        self.etag: str | None = etag.removeprefix("W/") or None
        self.modified: str | None = headers.get("Last-Modified") or None
        ranged = _RANGE.fullmatch(headers.get("Content-Range", "").strip())
        if ranged and self.status != 200:
            self.first = int(ranged[1]) if ranged[1] else None
            self.end = int(ranged[2]) + 1 if ranged[2] else None
            self.total = int(ranged[3]) if ranged[3] != "*" else None
        elif self.status == 200 and _NUMBER.fullmatch(headers.get("Content-Length", "").strip()):
            self.total = int(headers["Content-Length"])

    def read(self, limit: int) -> bytes:
        """The next bytes, as soon as there are some; none at the end.

        Raises:
            TryAgain: the connection broke, or nothing came in time.
        """
        return self._response.read(limit, self._patience.read_s)

    @property
    def missing(self) -> int:
        """Bytes that were announced and have not come."""
        return self._response.missing

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
        address = Address.of(url)
    except ValueError as error:
        raise GiveUp(str(error)) from None
    # A login is for the first address alone, wherever that leads to.
    login = {"Authorization": address.authorization} if address.login else {}
    for _ in range(_MOST_REDIRECTS + 1):
        response = Connection(address, patience.connect_s, once=True).request(
            "GET", address.path, {"Connection": "close", **login, **headers}, patience.read_s
        )
        if response.status in (200, 206, 416):
            return Answer(response, patience)
        with response:
            if response.status not in _REDIRECTS:
                raise _refusal(response)
            address, login = _redirected(address, response.headers.get("Location")), {}
    raise _astray()


def _refusal(response: Response) -> GiveUp | TryAgain:
    if may_pass(response.status):
        return TryAgain(f"status {response.status}", retry_after(response.headers))
    return GiveUp(f"status {response.status} {response.reason}".rstrip())


def _redirected(address: Address, place: str | None) -> Address:
    """Where a redirect leads: to http and https, never from https to http."""
    base = f"{address.scheme}://{address.netloc}{address.path}"
    # A header is read as Latin-1: so its bytes come out as they came.
    quoted = urllib.parse.quote(place or "", encoding="iso-8859-1", safe=string.punctuation)
    try:
        target = Address.of(urllib.parse.urljoin(base, quoted))
    except ValueError:
        raise _astray() from None
    if not place or (address.secure and not target.secure):
        raise _astray()
    return target


def _astray() -> GiveUp:
    return GiveUp("it redirects in a loop, or to something that is not http or https")
