"""A server's address, taken apart, and the proxy of the environment that leads to it."""

from __future__ import annotations

import base64
import urllib.parse
import urllib.request
from dataclasses import dataclass

SCHEMES = ("http", "https")


@dataclass(frozen=True)
class Address:
    """An http or https address.

    Attributes:
        scheme: http or https.
        host: a name or a number, without brackets.
        port: None for the scheme's own.
        path: with the query; a slash at least.
        login: ``name:password``; empty for none. It is sent, and never shown.
    """

    scheme: str
    host: str
    port: int | None
    path: str
    login: str = ""

    @classmethod
    def of(cls, url: str) -> Address:
        """Take ``url`` apart; what follows a # is left out.

        Raises:
            ValueError: it is no http or https address. The message does not repeat it.
        """
        try:
            parts = urllib.parse.urlsplit(url)
            port = parts.port
        except ValueError:
            raise ValueError("not an http or https address") from None
        if parts.scheme not in SCHEMES or not parts.hostname:
            raise ValueError("not an http or https address")
        path = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
        login = urllib.parse.unquote(parts.netloc.rpartition("@")[0])
        return cls(parts.scheme, parts.hostname, port, path, login)

    @property
    def secure(self) -> bool:
        """Whether it is https."""
        return self.scheme == "https"

    @property
    def netloc(self) -> str:
        """Host and port, as they stand in an address."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    @property
    def authorization(self) -> str:
        """The login as a header has it."""
        return f"Basic {base64.b64encode(self.login.encode()).decode()}"

    def proxy(self) -> Address | None:
        """The proxy that the environment wants between; None for none.

        Raises:
            ValueError: it is no http or https address.
        """
        named = urllib.request.getproxies().get(self.scheme)
        if not named or urllib.request.proxy_bypass(self.netloc):
            return None
        try:
            return Address.of(named if "//" in named else f"http://{named}")
        except ValueError:
            variable = f"{self.scheme}_proxy"
            raise ValueError(f"what {variable} names is no http or https address") from None


def shown(url: str) -> str:
    """The URL as it may be logged: without name, password, and whatever may hold a token."""
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:
        return "an address that is none"
    host = parts.netloc.rpartition("@")[2]
    query = "…" if parts.query else ""
    return urllib.parse.urlunsplit((parts.scheme, host, parts.path, query, ""))
