"""Death at any point where something is written, in this process: nothing is written after it.

What Python writes is seen by an audit hook, which stays for good and does nothing between tests;
what a library writes by itself is wrapped (``dying``).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_EVENTS = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate")


class Death(BaseException):
    """What a process does not survive."""


class Life:
    """Counts the points at which something below a folder is written, and ends at one of them.

    Attributes:
        points: those that were come to, as words.
    """

    def __init__(self, folder: Path, end: int | None = None, half: bool = False) -> None:
        """Begin.

        Args:
            folder: where something is written.
            end: number of the point before which it ends; None for none.
            half: of a file that is written at that point, a part is there.
        """
        self._folder, self._end, self._half = str(folder), end, half
        self.points: list[str] = []
        self._dead = False

    def point(self, what: str, part: Callable[[], object] = int) -> None:
        """Come to a point.

        Raises:
            Death: it is the last one, or was before.
        """
        if not self._dead:
            self._dead = self._end == len(self.points)
            self.points.append(what)
            if self._dead and self._half:
                part()
        if self._dead:
            raise Death(what)

    def see(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Take an audit event for a point where it writes below the folder."""
        path = arguments[0] if arguments else None
        if not isinstance(path, str | Path) or not str(path).startswith(self._folder):
            return
        if event in _EVENTS:
            self.point(f"{event} {Path(path).name}")
        elif event == "open" and arguments[2] & _WRITES and not arguments[2] & os.O_DIRECTORY:
            self.point(f"open {Path(path).name}", lambda: _begun(str(path)))


def _begun(path: str) -> None:
    """A file as a write that was cut short leaves it."""
    global _life
    before, _life = _life, None
    try:
        Path(path).write_bytes(b"{")
    finally:
        _life = before


_life: Life | None = None
_hooked = False


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _life is not None:
        _life.see(event, arguments)


@contextmanager
def living(life: Life) -> Iterator[None]:
    """Let what is done meanwhile be of this life; its end is passed over in silence."""
    global _life, _hooked
    if not _hooked:
        sys.addaudithook(_hook)
        _hooked = True
    _life = life
    try:
        yield
    except Death:
        pass
    finally:
        _life = None


def dying(write: Callable[..., Any], name: str, place: int) -> Callable[..., Any]:
    """A function of a library that writes a file, with a point before it.

    Args:
        write: the function.
        name: what it is called.
        place: of the path among its arguments.
    """

    def wrapped(*words: Any, **named: Any) -> Any:
        if _life is not None:
            _life.point(name, lambda: _begun(str(words[place])))
        return write(*words, **named)

    return wrapped
