"""Numbered pieces of a long build: a finished one survives a kill of the process."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qa_bench.engine.files import write_whole

NOTE_SUFFIX = ".done"
"""Suffix of the note that tells that a shard is finished."""


class Shards:
    """Numbered pieces of a long build; a finished one survives a kill of the process.

    A shard is one data file and one JSON note about it, both written under temporary names; the
    note is renamed in last.
    """

    def __init__(self, folder: Path, stem: str, suffix: str) -> None:
        """Shards ``<stem>-00000<suffix>`` … in ``folder``."""
        self._folder, self._stem, self._suffix = folder, stem, suffix

    def data(self, number: int) -> Path:
        """Where shard ``number`` lies once finished."""
        return self._folder / f"{self._stem}-{number:05d}{self._suffix}"

    def _note(self, number: int) -> Path:
        return self.data(number).with_suffix(NOTE_SUFFIX)

    def finished(self) -> list[dict[str, Any]]:
        """The notes of the shards finished so far, in order, up to the first gap."""
        notes: list[dict[str, Any]] = []
        while self._note(len(notes)).exists():
            notes.append(json.loads(self._note(len(notes)).read_text()))
        return notes

    @contextlib.contextmanager
    def write(self, number: int, note: dict[str, Any]) -> Iterator[Path]:
        """Yield the path to write to; on a clean exit the shard and its ``note`` are finished."""
        temporary = self.data(number).with_suffix(".tmp")
        yield temporary
        temporary.replace(self.data(number))
        write_whole(self._note(number), json.dumps(note))
