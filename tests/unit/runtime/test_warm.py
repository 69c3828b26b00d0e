from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from qa_bench.runtime.warm import opened, warm

EVENTS: list[str] = []


@contextmanager
def thing() -> Iterator[str]:
    EVENTS.append("open")
    try:
        yield "thing"
    finally:
        EVENTS.append("close")


def test_a_thing_is_open_as_long_as_it_is_warm() -> None:
    EVENTS.clear()
    for _ in range(2):
        with opened("key", thing) as one:
            assert one == "thing"
    assert EVENTS == ["open", "close"] * 2
    EVENTS.clear()
    with warm():
        for key in ("a", "a", "b"):
            with opened(key, thing) as one:
                assert one == "thing"
        assert EVENTS == ["open", "open"]
    assert EVENTS == ["open", "open", "close", "close"]


def test_an_error_closes_what_was_warm() -> None:
    EVENTS.clear()

    def failing() -> None:
        with warm(), opened("key", thing):
            raise ValueError("why")

    with pytest.raises(ValueError, match="why"):
        failing()
    with opened("key", thing):
        pass
    assert EVENTS == ["open", "close"] * 2
