"""Loops that numpy has not, compiled by numba at their first call and kept on the disk."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cache, wraps
from typing import Any, TypeVar, cast

_Function = TypeVar("_Function", bound=Callable[..., Any])
SUMS = frozenset({"reassoc", "contract"})
"""For ``fastmath``: a sum's terms may be taken several at once; NaN stays NaN."""


def compiled(fastmath: frozenset[str] = frozenset()) -> Callable[[_Function], _Function]:
    """Decorate a loop; it holds no lock of Python's, so that threads run it side by side.

    numba is imported when it is called first: nobody who only looks waits for it. Such a loop calls
    no other one; what it shares with itself is a function inside of it.

    Args:
        fastmath: what may be done with its sums; their last bits may differ between processors.
    """

    def decorate(function: _Function) -> _Function:
        @cache
        def loop_of() -> Callable[..., Any]:
            from numba import njit

            loop: Any = njit(nogil=True, fastmath=set(fastmath) or False)(function)
            with suppress(RuntimeError):  # numba finds no folder that it may write into
                loop.enable_caching()
            return cast(Callable[..., Any], loop)

        @wraps(function)
        def call(*arguments: Any) -> Any:
            return loop_of()(*arguments)

        return cast(_Function, call)

    return decorate
