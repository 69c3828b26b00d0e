"""What goes wrong between here and a server: whether another try may help, in words to be shown."""

from __future__ import annotations

import http.client
import re
import socket
import ssl

_PASSING = {408, 409, 425, 429}
_LASTING = {501, 505}


def may_pass(status: int) -> bool:
    """Whether an answer of this status may be another one next time."""
    return status in _PASSING or (status >= 500 and status not in _LASTING)


def in_one_line(text: str, longest: int = 200) -> str:
    """What a server says, as it may be shown: short, and nothing that moves a terminal's cursor."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split())[:longest]


class GiveUp(Exception):  # noqa: N818
    """It will not work; the message has no URL in it."""


class UnknownHost(GiveUp):
    """There is no such host; or there is no network just now."""


class TryAgain(Exception):  # noqa: N818
    """It may work another time; the message has no URL in it."""

    def __init__(self, message: str, after: float | None = None) -> None:
        """``after``: the seconds that the server asks to wait."""
        super().__init__(message)
        self.after = after


def of_connecting(error: OSError | ValueError) -> GiveUp | TryAgain:
    """What it means that there is no connection."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return GiveUp(f"its certificate is not valid ({error.verify_message})")
    if isinstance(error, ValueError):
        return GiveUp(str(error) if type(error) is ValueError else "not a valid address")
    if isinstance(error, socket.gaierror) and error.errno != socket.EAI_AGAIN:
        return UnknownHost("there is no such host, or no network")
    if isinstance(error, TimeoutError):
        return TryAgain("no connection in time")
    refusal = re.match(r"Tunnel connection failed: (\d+)", str(error))
    if refusal:
        kind = TryAgain if may_pass(int(refusal[1])) else GiveUp
        return kind(f"the proxy answers with status {refusal[1]}")
    return TryAgain(f"no connection ({error.strerror or type(error).__name__})")


def of_exchange(error: Exception, seconds: float) -> GiveUp | TryAgain:
    """What it means that a request got no answer, after so many seconds at most."""
    if isinstance(error, TimeoutError):
        return TryAgain(f"no answer in {seconds:g} s")
    if isinstance(error, http.client.InvalidURL | UnicodeError):
        return GiveUp("not a valid address")
    return TryAgain(f"the connection broke ({type(error).__name__})")


def of_reading(error: Exception) -> TryAgain:
    """What it means that an answer does not go on."""
    if isinstance(error, TimeoutError):
        return TryAgain("nothing came in time: the server stalled")
    return TryAgain(f"the connection broke ({type(error).__name__})")
