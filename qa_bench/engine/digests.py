"""Hashes of values and files, and the memory of those of input files."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import xxhash

from qa_bench.engine.files import write_whole


def digest(value: Any) -> str:
    """Hash of a JSON-like value: 32 hex digits of xxh3-128 over its canonical JSON."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return xxhash.xxh3_128_hexdigest(text.encode())


def file_digest(path: Path) -> str:
    """xxh3-128 of a file's bytes, read in blocks of 4 MiB (some GB/s)."""
    state = xxhash.xxh3_128()
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            state.update(block)
    return state.hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, which others know."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


_SETTLED_S = 2.0
"""A file changed more lately could change again without a new time stamp: not remembered."""

Stamp = list[int]
"""Size, inode, and times of the last change of content and of inode (ns): what tells a change.

``touch`` can set the first time back, nothing the second.
"""
_digests: dict[str, tuple[Stamp, str]] = {}
_watched: ContextVar[dict[Path, Stamp] | None] = ContextVar("watched", default=None)


def stamp_of(path: Path) -> Stamp:
    """The stamp of a file as it is now."""
    stat = path.stat()
    return [stat.st_size, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns]


@contextlib.contextmanager
def watched() -> Iterator[dict[Path, Stamp]]:
    """Yield the stamps of the files that are hashed in the block, as they were before it."""
    stamps: dict[Path, Stamp] = {}
    token = _watched.set(stamps)
    try:
        yield stamps
    finally:
        _watched.reset(token)


def _watch(path: Path, stamp: Stamp) -> None:
    if (stamps := _watched.get()) is not None:
        stamps[path] = stamp


def _settled(stamp: Stamp) -> bool:
    return time.time() - max(stamp[2:]) / 1e9 > _SETTLED_S


def remembered_digest(path: Path) -> str:
    """``file_digest``, remembered by this process while the file's stamp stays the same."""
    name, stamp = str(path.resolve()), stamp_of(path)
    _watch(path, stamp)
    if name in _digests and _digests[name][0] == stamp:
        return _digests[name][1]
    content = file_digest(path)
    if _settled(stamp):
        _digests[name] = stamp, content
    return content


class FileDigests:
    """Digests of input files, remembered by path and ``Stamp``.

    A file changed within the last two seconds is not remembered: it could change again without a
    new time stamp.
    """

    def __init__(self, memory: Path, hashed: Callable[[Path], str] | None = None) -> None:
        """Remember in the JSON file ``memory``; where it cannot be written, nothing is.

        Args:
            memory: the file.
            hashed: what makes a digest; None for ``file_digest``.
        """
        self._memory, self._hashed = memory, hashed or file_digest

    def of(self, paths: list[Path]) -> list[str]:
        """One digest a path."""
        memory: dict[str, Any] = {}
        with contextlib.suppress(OSError, ValueError):
            memory = json.loads(self._memory.read_text(encoding="utf-8"))
        if not isinstance(memory, dict):
            memory = {}
        digests, fresh = [], {}
        for path in paths:
            name, stamp = str(path.resolve()), stamp_of(path)
            _watch(path, stamp)
            entry = memory.get(name)
            if isinstance(entry, list) and entry[:-1] == stamp:
                digests.append(str(entry[-1]))
                continue
            digests.append(self._hashed(path))
            if _settled(stamp):
                fresh[name] = [*stamp, digests[-1]]
        if fresh:
            with contextlib.suppress(OSError):  # a cache to read only, or a full disk
                self._memory.parent.mkdir(parents=True, exist_ok=True)
                write_whole(self._memory, json.dumps({**memory, **fresh}, indent=1))
        return digests
