"""A gigabyte is not downloaded unasked."""

from __future__ import annotations

import io

import pytest

from qa_bench.errors import UserError
from qa_bench.net.consent import LARGE, consent, large_downloads


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())


def test_small_and_unknown_sizes_are_no_question() -> None:
    consent("x", LARGE - 1)
    consent("x", None)


def test_a_large_one() -> None:
    with pytest.raises(UserError, match=r"^x is a download of 4\.7 GB: `qa-bench plan` .*yes=true"):
        consent("x", 4_700_000_000)
    with large_downloads(False), pytest.raises(UserError):
        consent("x", LARGE)
    with large_downloads(True):
        consent("x", LARGE)
        with large_downloads(False):
            consent("x", LARGE)
    with pytest.raises(UserError):
        consent("x", LARGE)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "agreed"), [("yes\n", True), ("no\n", False), ("", False)])
def test_at_a_terminal(answer: str, agreed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    monkeypatch.setattr("sys.stderr", screen := Terminal())
    with large_downloads(False):
        if agreed:
            consent("x", LARGE)
            consent("y", LARGE)  # once is enough
        else:
            with pytest.raises(UserError):
                consent("x", LARGE)
    assert screen.getvalue().count("1.0 GB will be downloaded. Go on?") == 1
