"""The vectors of a window that is not finished, kept every minute: an encoding may take hours.

They are pieces beside the finished files, and go when the window is a file of its own: what a
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


class Unfinished:
    """What is done of the window that will be file number ``window``."""

    def __init__(self, folder: Path, window: int) -> None:
        """Know the pieces that an earlier process left; those of another window go."""
        self._shards = Shards(folder, "unfinished", ".npz")
        self._places: list[np.ndarray] = []
        self._vectors: list[np.ndarray] = []
        self._window, self._count, self._saved = window, 0, time.monotonic()
        notes = self._shards.finished()
        if [note for note in notes if note["window"] != window]:
            self._shards.forget()
        else:
            self._count = len(notes)

    def restore(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """(places in the window, vectors) of every piece."""
        for number in range(self._count):
            with np.load(self._shards.data(number), allow_pickle=False) as arrays:
                yield arrays["places"], arrays["vectors"]

    def add(self, places: np.ndarray, vectors: np.ndarray) -> None:
        """Some more vectors; they are on the disk within ``EVERY_S`` or with ``save``."""
        self._places.append(places)
        self._vectors.append(vectors)
        if time.monotonic() - self._saved > EVERY_S:
            self.save()

    def save(self) -> None:
        """Make a piece of what was added."""
        if self._places:
            places, vectors = np.concatenate(self._places), np.concatenate(self._vectors)
            with (
                self._shards.write(self._count, {"window": self._window}) as path,
                path.open("wb") as file,
            ):
                np.savez(file, places=places, vectors=vectors)
            self._count += 1
        self._places, self._vectors, self._saved = [], [], time.monotonic()

    def next_window(self) -> None:
        """The window is a file now: forget its pieces."""
        if self._count:
            self._shards.forget()
        self._places, self._vectors = [], []
        self._window, self._count = self._window + 1, 0
