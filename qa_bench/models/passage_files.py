"""Passages encoded window by window, a file each: dense, sparse and token vectors alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from qa_bench.engine.shards import Shards
from qa_bench.models.encoder import Encoder
from qa_bench.models.sides import Side
from qa_bench.models.source import Text
from qa_bench.models.unfinished import Unfinished
from qa_bench.runtime.progress import progress
from qa_bench.store.passages import Passages
from qa_bench.types import Runtime


class PassageFiles:
    """The files ``<stem>-00000<suffix>`` … of an index, going on from what is finished.

    A kill loses a minute's work: ``Unfinished`` keeps what is done of the file at hand. The bytes
    are those of an undisturbed encoding.
    """

    def __init__(self, folder: Path, stem: str, suffix: str, size: int) -> None:
        """Look at what an earlier process left.

        Args:
            folder: where they lie.
            stem: how their names begin.
            suffix: how they end.
            size: passages a file, the window that is sorted by length.
        """
        self._shards, self._size = Shards(folder, stem, suffix), size
        self._notes = self._shards.finished()
        self._unfinished = Unfinished(folder, len(self._notes))

    @property
    def paths(self) -> list[Path]:
        """The finished files, in corpus order."""
        return [self._shards.data(number) for number in range(len(self._notes))]

    def encode(
        self,
        passages: Passages,
        side: Side,
        encoder: Encoder,
        pack: Callable[[int, Any], Any],
        save: Callable[[Any, Any], Any],
        runtime: Runtime,
    ) -> int:
        """Encode what is not finished; return how many passages the files hold.

        Args:
            passages: the corpus.
            side: how their texts are made.
            encoder: encodes them; its ``Output`` decides what a window is.
            pack: takes a window's first row and the window as the encoder gives it, checks it, and
                returns what is saved.
            save: takes the file, open for writing, and what ``pack`` returned.
            runtime: devices and progress.

        Raises:
            UserError: see ``Encoder.encode``; and what ``pack`` raises.
        """
        first_row = sum(note["passages"] for note in self._notes)
        bar = progress(len(passages), "encode", "passages", runtime)
        bar.update(first_row)
        starts = range(first_row, len(passages), self._size)

        def windows() -> Iterator[list[Text]]:
            for start in starts:
                rows = np.arange(start, min(start + self._size, len(passages)))
                yield side.passages(passages.titles(rows), passages.texts(rows))

        with bar:
            options = side.options()
            encoded = encoder.encode(
                windows(), update=bar.update, memory=self._unfinished, **options
            )
            for start, window in zip(starts, encoded, strict=True):
                packed = pack(start, window)
                note = {"passages": min(self._size, len(passages) - start)}
                shard = self._shards.write(len(self._notes), note)
                with shard as path, path.open("wb") as file:
                    save(file, packed)
                self._notes.append(note)
                self._unfinished.next_window()
        return sum(note["passages"] for note in self._notes)

    def forget(self) -> None:
        """Remove the files: what they hold is elsewhere now."""
        self._shards.forget()
        self._notes = []
