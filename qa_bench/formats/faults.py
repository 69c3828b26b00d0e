"""Every fault of a file in one go: who mends a file wants to see them all."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from qa_bench.errors import DataError, UserError

MOST = 10
"""Faults that are told; reading ends at the last of them."""


class _Row:
    """One row, whose fault is noted, so that the next one is read too."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> bool:
        if not isinstance(error, DataError):
            return False
        self._faults.add(error)
        return True


class Faults:
    """What is wrong with the rows of one file, while it is read.

    Each row is read within ``row``; the whole reading stands within the object itself, which
    raises in the end: the one fault as it is, several as lines of one ``UserError``.
    """

    def __init__(self) -> None:
        """There is none yet."""
        self._errors: list[DataError] = []
        self.row = _Row(self)

    def add(self, error: DataError) -> None:
        """Note a fault.

        Raises:
            UserError: it was the last that is told.
        """
        self._errors.append(error)
        if len(self._errors) == MOST:
            raise self._all(f"the first {MOST} faults") from None

    def __enter__(self) -> Self:
        """Begin to read."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Raise what was noted, and what ended the reading after it.

        Raises:
            UserError: something was.
        """
        if not self._errors or (error is not None and not isinstance(error, DataError)):
            return
        if isinstance(error, DataError):
            self._errors.append(error)
        if len(self._errors) == 1:
            raise self._errors.pop()
        raise self._all(f"{len(self._errors)} faults") from None

    def _all(self, head: str) -> UserError:
        lines = [str(error) for error in self._errors]
        self._errors = []
        return UserError("\n  ".join([f"{head}:", *lines]))
