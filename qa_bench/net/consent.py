"""Before a gigabyte or more is downloaded, somebody says yes: ``yes=true``, or at the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from qa_bench.errors import UserError
from qa_bench.net.web import told_size

LARGE = 1_000_000_000
"""Bytes from which on a download is not begun unasked."""

_agreed = False


@contextmanager
def large_downloads(agreed: bool) -> Iterator[None]:
    """Large downloads meanwhile need no further word, if ``agreed``."""
    global _agreed
    before, _agreed = _agreed, _agreed or agreed
    try:
        yield
    finally:
        _agreed = before


def consent(what: str, size: int | None) -> None:
    """Let a download begin; a large one only if somebody said yes. An unknown size is small.

    Args:
        what: an address, or how many files.
        size: in bytes.

    Raises:
        UserError: nobody did; says what to do.
    """
    global _agreed
    if size is None or size < LARGE or _agreed:
        return
    if sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty():
        print(f"{what}: {told_size(size)} will be downloaded. Go on? [yes/no] ", end="",
              file=sys.stderr, flush=True)  # fmt: skip
        if sys.stdin.readline().strip().lower() in ("y", "yes"):
            _agreed = True
            return
    raise UserError(
        f"{what} is a download of {told_size(size)}: `qa-bench plan` with the same words says what "
        "the whole takes; yes=true downloads it"
    )
