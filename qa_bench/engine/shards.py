"""Numbered pieces of a long build: a finished one survives a kill of the process."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qa_bench.engine.digests import file_digest
from qa_bench.engine.files import settle, write_whole

NOTE_SUFFIX = ".done"
"""Suffix of the note that tells that a shard is finished."""


class Shards:
    """Numbered pieces of a long build; a finished one survives a kill of the process.

    A shard is one data file and one JSON note about it, with its size and hash; both are written
    under temporary names and synced, and the note is renamed in last.
    """

    def __init__(self, folder: Path, stem: str, suffix: str, *, last_only: bool = False) -> None:
        """Shards ``<stem>-00000<suffix>`` … in ``folder``.

        Args:
            folder: where they lie.
            stem: how their names begin.
            suffix: how the names of the data files end.
            last_only: the data of the last finished one is all that is needed.
        """
        self._folder, self._stem, self._suffix = folder, stem, suffix
        self._last_only = last_only

    def data(self, number: int) -> Path:
        """Where shard ``number`` lies once finished."""
        return self._folder / f"{self._stem}-{number:05d}{self._suffix}"

    def _note(self, number: int) -> Path:
        return self.data(number).with_suffix(NOTE_SUFFIX)

    def finished(self) -> list[dict[str, Any]]:
        """The notes of the shards finished so far, in order, up to the first gap or damaged one."""
        notes: list[dict[str, Any]] = []
        seals: list[Any] = []
        while (content := self._read(len(notes))) is not None:
            notes.append(content["note"])
            seals.append(content["data"])
        for number, seal in enumerate(seals):
            if self._last_only and number < len(seals) - 1:
                continue
            if seal != _seal(self.data(number)):
                return [] if self._last_only else notes[:number]
        return notes

    def _read(self, number: int) -> dict[str, Any] | None:
        with contextlib.suppress(OSError, ValueError):
            content = json.loads(self._note(number).read_text(encoding="utf-8"))
            if isinstance(content, dict) and {"note", "data"} <= content.keys():
                return content
        return None

    @contextlib.contextmanager
    def write(self, number: int, note: dict[str, Any]) -> Iterator[Path]:
        """Yield the path to write to; on a clean exit the shard and its ``note`` are finished."""
        temporary = self.data(number).with_suffix(".tmp")
        self._note(number).unlink(missing_ok=True)  # of a damaged one
        yield temporary
        settle(temporary, self.data(number))
        seal = _seal(self.data(number))
        write_whole(self._note(number), json.dumps({"note": note, "data": seal}))

    def forget(self) -> None:
        """Remove all of them."""
        for note in self._folder.glob(f"{self._stem}-*{NOTE_SUFFIX}"):
            note.unlink()
        for data in self._folder.glob(f"{self._stem}-*{self._suffix}"):
            data.unlink()


def _seal(path: Path) -> list[Any] | None:
    """Size and hash of a file; None where there is none."""
    with contextlib.suppress(FileNotFoundError):
        return [path.stat().st_size, file_digest(path)]
    return None
