"""What goes wrong for a reason the user can mend: one line, exit status 2."""

from __future__ import annotations

import sys
from pathlib import Path

PYTHONS = ((3, 11), (3, 12), (3, 13))
"""The versions that this is tested with; pyproject.toml and the Makefile name the same."""


class UserError(Exception):
    """A problem the user can mend; the message is one line: what is wrong, what would be right."""


_LONGEST = 1000
"""Characters of a message: what it quotes may be the whole of a broken file."""


def _line(message: str) -> str:
    """One line, whatever was quoted in it."""
    cut = message if len(message) <= _LONGEST else f"{message[:_LONGEST]}…"
    return " ".join(cut.splitlines())


class DataError(UserError):
    """Bad input data, told with the file and, where known, the line."""

    def __init__(self, message: str, path: Path | str, line: int | None = None) -> None:
        """Prefix ``message`` with ``path:line``."""
        self.path, self.line = str(path), line
        where = f"{path}:{line}" if line is not None else str(path)
        super().__init__(f"{where}: {_line(message)}")
        self._arguments = (message, path, line)

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        """Survive the way back from a worker process."""
        return type(self), self._arguments


def python_problem(version: tuple[int, ...] = sys.version_info[:3]) -> str | None:
    """What is wrong with this Python, in one line; None where nothing is."""
    if version[:2] in PYTHONS:
        return None
    *others, last = (".".join(map(str, promised)) for promised in PYTHONS)
    shown = ".".join(map(str, version))
    return f"qa_bench needs Python {', '.join(others)} or {last}, this is {shown}"
