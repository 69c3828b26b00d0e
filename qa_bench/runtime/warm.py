"""What stays open between searches where single ones are timed: a service opens its index once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TypeVar

T = TypeVar("T")


class _Current:
    """What is open, by key, and what closes it; None outside of ``warm``."""

    stack: ExitStack | None = None
    things: dict[Hashable, object]


@contextmanager
def warm() -> Iterator[None]:
    """In this block ``opened`` opens each thing once; all are closed at its end."""
    with ExitStack() as stack:
        _Current.stack, _Current.things = stack, {}
        try:
            yield
        finally:
            _Current.stack, _Current.things = None, {}


@contextmanager
def opened(key: Hashable, opening: Callable[[], AbstractContextManager[T]]) -> Iterator[T]:
    """A thing that takes time to open, such as an index: closed again, but where it is ``warm``.

    Args:
        key: tells it from others: what opens it, and the folder.
        opening: opens it.
    """
    if _Current.stack is None:
        with opening() as thing:
            yield thing
        return
    if key not in _Current.things:
        _Current.things[key] = _Current.stack.enter_context(opening())
    yield _Current.things[key]  # type: ignore[misc]
