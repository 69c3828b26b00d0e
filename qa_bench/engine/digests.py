"""Hashes of values and files, and the memory of those of input files."""

from __future__ import annotations

import contextlib
import json
import time
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


_SETTLED_S = 2.0
"""A file changed more lately could change again without a new time stamp: not remembered."""
_digests: dict[tuple[str, int, int, int], str] = {}


def remembered_digest(path: Path) -> str:
    """``file_digest``, remembered by this process while size, inode and time stay the same."""
    stat = path.stat()
    stamp = (str(path.resolve()), stat.st_size, stat.st_ino, stat.st_mtime_ns)
    if stamp in _digests:
        return _digests[stamp]
    content = file_digest(path)
    if time.time() - stat.st_mtime > _SETTLED_S:
        _digests[stamp] = content
    return content


class FileDigests:
    """Digests of input files, remembered by path, size, inode and modification time.

    A file changed within the last two seconds is not remembered: it could change again without a
    new time stamp.
    """

    def __init__(self, memory: Path) -> None:
        """Remember in the JSON file ``memory``."""
        self._memory = memory

    def of(self, paths: list[Path]) -> list[str]:
        """One digest a path."""
        known: dict[str, Any] = {}
        with contextlib.suppress(FileNotFoundError, ValueError):
            known = json.loads(self._memory.read_text())
        digests, fresh = [], {}
        for path in paths:
            stat = path.stat()
            name, stamp = str(path.resolve()), [stat.st_size, stat.st_ino, stat.st_mtime_ns]
            seen = known.get(name)
            if seen and seen[:3] == stamp:
                digests.append(seen[3])
                continue
            digests.append(file_digest(path))
            if time.time() - stat.st_mtime > _SETTLED_S:
                fresh[name] = [*stamp, digests[-1]]
        if fresh:
            self._memory.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._memory, json.dumps({**known, **fresh}, indent=1))
        return digests
