"""An encoder whose vectors depend on the texts alone, and which notes what it was given."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from qa_bench.types import Runtime

ROWS = [
    ("1", "Mars", "Mars is the fourth planet from the Sun."),
    ("2", "", "A passage without a title."),
    ("3", "Venus", "Venus is the second planet."),
    ("4", "Heron", "The grey heron stands in shallow water and waits for fish to come by."),
    ("5", "Mars", "Mars is the fourth planet from the Sun."),
]
"""Passages for it: pid, title, text; the first and the last say the same."""


def pretended(text: Any, width: int) -> np.ndarray:
    """A vector that depends on the text alone."""
    seed = hashlib.sha256(repr(text).encode()).digest()
    return np.random.default_rng(list(seed)).normal(size=width).astype(np.float32)


class Pretending:
    """Stands in for an encoder; notes what it was given."""

    seen: list[tuple[str, str, list[Any]]] = []
    width: dict[str, int] = {}
    broken: dict[Any, float] = {}
    stop_after: int | None = None

    def __init__(self, source: Any, runtime: Runtime) -> None:
        self._source = source

    def encode(
        self,
        windows: Iterable[Sequence[Any]],
        prompt: str = "",
        update: Callable[[int], Any] = int,
        memory: Any = None,
        task: str = "",
    ) -> Iterator[np.ndarray]:
        for number, window in enumerate(windows):
            if number == self.stop_after:
                raise RuntimeError("killed")
            self.seen.append((self._source.model, prompt, list(window)))
            width = self.width.get(self._source.model, 8)
            vectors = [pretended(text, width) * self.broken.get(text, 1) for text in window]
            update(len(window))
            yield np.array(vectors, dtype=np.float32)
