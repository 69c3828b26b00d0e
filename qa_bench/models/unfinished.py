"""What is done of a window that is not finished, kept every minute: an encoding may take hours.

It is in pieces beside the finished files, and goes when the window is a file of its own: what a
finished index holds does not tell where it was interrupted.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from qa_bench.engine.shards import Shards

EVERY_S = 60.0
"""Seconds of work that a kill loses at most."""

Piece = tuple[np.ndarray, ...]
"""Places in the window, and the arrays that an ``Output`` made of the texts there."""


class Unfinished:
    """What is done of the window that will be file number ``window``."""

    def __init__(self, folder: Path, window: int) -> None:
        """Know the pieces that an earlier process left; those of another window go."""
        self._shards = Shards(folder, "unfinished", ".npz")
        self._pieces: list[Piece] = []
        self._window, self._count, self._saved = window, 0, time.monotonic()
        notes = self._shards.finished()
        if [note for note in notes if note["window"] != window]:
            self._shards.forget()
        else:
            self._count = len(notes)

    def restore(self) -> Iterator[Piece]:
        """(places in the window, arrays) of every piece."""
        for number in range(self._count):
            with np.load(self._shards.data(number), allow_pickle=False) as arrays:
                yield tuple(arrays[name] for name in arrays.files)

    def add(self, *piece: np.ndarray) -> None:
        """Some more, see ``Piece``; they are on the disk within ``EVERY_S`` or with ``save``."""
        self._pieces.append(piece)
        if time.monotonic() - self._saved > EVERY_S:
            self.save()

    def save(self) -> None:
        """Make a piece of what was added."""
        if self._pieces:
            arrays = [np.concatenate(several) for several in zip(*self._pieces, strict=True)]
            with (
                self._shards.write(self._count, {"window": self._window}) as path,
                path.open("wb") as file,
            ):
                np.savez(file, *arrays)
            self._count += 1
        self._pieces, self._saved = [], time.monotonic()

    def next_window(self) -> None:
        """The window is a file now: forget its pieces."""
        if self._count:
            self._shards.forget()
        self._pieces = []
        self._window, self._count = self._window + 1, 0
