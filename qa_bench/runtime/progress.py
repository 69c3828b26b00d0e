"""Progress bars: a rate and a time to go on a terminal, silence elsewhere.

A command that knows all its stages beforehand has one bar for the whole, in seconds of the plan;
the bars of single stages then move that one. So its time to go is the plan's, corrected by how long
things really take.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from qa_bench.types import Runtime


def progress(total: int | None, what: str, unit: str, runtime: Runtime) -> Any:
    """A tqdm bar on stderr, to be used as a context manager and told ``update(n)``.

    Where there is a bar for the whole, a share of that.
    """
    if _Current.whole is not None and not _Current.silent:
        return _Share(_Current.whole, total, what, unit)
    from tqdm import tqdm

    return tqdm(
        total=total,
        desc=what,
        unit=f" {unit}",
        unit_scale=True,
        # None: only where stderr is a terminal.
        disable=None if runtime.progress and not _Current.silent else True,
        leave=False,
    )


class Whole:
    """One bar for all stages of a command."""

    def __init__(self, seconds: Mapping[str, float]) -> None:
        """Draw it.

        Args:
            seconds: what each stage to build will take, by its key; stages of others take none.
        """
        from tqdm import tqdm

        self._seconds = dict(seconds)
        self._stage, self._share = "", 0.0
        self._bar = tqdm(
            total=sum(self._seconds.values()),
            bar_format="{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}",
            leave=False,
            smoothing=0.05,  # the rates of stages differ more than those of a stage
        )
        self._drawn = 0.0
        self.job = ""

    @contextmanager
    def stage(self, key: str, title: str) -> Iterator[None]:
        """While a stage is made or reused; afterwards its whole share is done."""
        self._stage, self._share = key, 0.0
        self.tell(title)
        yield
        self.reach(1.0)
        self._seconds.pop(key, None)

    def tell(self, doing: str) -> None:
        """Say what is done; ten times a second is often enough."""
        now = time.monotonic()
        self._bar.set_description_str(f"{self.job} {doing}".strip(), refresh=now > self._drawn)
        if now > self._drawn:
            self._drawn = now + 0.1

    def reach(self, share: float) -> None:
        """So much of the stage is done, from 0 to 1; it never goes back."""
        if share > self._share:
            step = min(share, 1.0) - self._share
            self._bar.update(step * self._seconds.get(self._stage, 0.0))
            self._share = min(share, 1.0)

    def close(self) -> None:
        """Take the bar away."""
        self._bar.close()


class _Current:
    """The bar for the whole, where there is one; whether others are drawn."""

    whole: Whole | None = None
    silent = False


def whole() -> Whole | None:
    """The bar for the whole command; None where there is none."""
    return _Current.whole


def start_whole(seconds: Mapping[str, float]) -> Whole:
    """Draw a bar for the whole command, until ``end_whole``."""
    end_whole()
    _Current.whole = Whole(seconds)
    return _Current.whole


@contextmanager
def without_bars() -> Iterator[None]:
    """Where a stage calls another's work many times: only bars from outside the block move."""
    _Current.silent = True
    try:
        yield
    finally:
        _Current.silent = False


def end_whole() -> None:
    """Take the bar for the whole away, where there is one."""
    if _Current.whole is not None:
        _Current.whole.close()
        _Current.whole = None


class _Share:
    """A stage's bar that moves the whole's instead of being drawn."""

    def __init__(self, whole: Whole, total: int | None, what: str, unit: str) -> None:
        self._whole, self.total, self._what, self._unit = whole, total, what, unit
        self.n = 0

    def __enter__(self) -> _Share:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def update(self, count: int = 1) -> None:
        """So many more are done."""
        self.n += count
        of = f"/{self.total:,}" if self.total else ""
        self._whole.tell(f"{self._what} {self.n:,}{of} {self._unit}")
        if self.total:
            self._whole.reach(self.n / self.total)

    def set_postfix(self, **figures: object) -> None:
        """There is no room for more."""

    def close(self) -> None:
        """Nothing more comes."""


class Lines(logging.StreamHandler[Any]):
    """Writes messages above a bar, where there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one message."""
        if _Current.whole is None:
            super().emit(record)
            return
        from tqdm import tqdm

        tqdm.write(self.format(record), file=sys.stderr)
