"""Whether a finished folder's files are still those that its manifest lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from qa_bench.engine.digests import file_digest, remembered_digest

HASHED_BYTES = 256 << 20
"""What is hashed of a folder at every reuse: its smallest files, up to so many bytes together.

A gigabyte takes 0.2 s where the system has it in memory.
"""


def damage(folder: Path, outputs: Mapping[str, Any]) -> str | None:
    """What is wrong with a file of a folder, by all sizes and the smaller files' hashes.

    Args:
        folder: where the files lie.
        outputs: size and hash (``bytes``, ``xxh3``) of each, as in the manifest.

    Returns:
        One line that names the folder to delete; None where nothing is wrong.
    """
    return _first(folder, outputs, HASHED_BYTES, remembered_digest)


def hidden_damage(
    folder: Path,
    outputs: Mapping[str, Any],
    limit: int | None = None,
    update: Callable[[int], Any] = int,
) -> str | None:
    """``damage`` by the bytes of every file as the disk has them now.

    Args:
        folder: where the files lie.
        outputs: size and hash of each.
        limit: bytes to read at most, of the smallest files; None for all.
        update: told how many more bytes have been read.
    """

    def read(path: Path) -> str:
        content = file_digest(path)
        update(path.stat().st_size)
        return content

    return _first(folder, outputs, limit, read)


def size_of(outputs: Mapping[str, Any]) -> int:
    """Bytes of all files that a manifest lists; 0 where it cannot be told."""
    try:
        return sum(int(entry["bytes"]) for entry in outputs.values())
    except (TypeError, KeyError, ValueError, AttributeError):
        return 0


def _first(
    folder: Path, outputs: Mapping[str, Any], limit: int | None, content: Callable[[Path], str]
) -> str | None:
    hashed = 0
    try:
        order = sorted(outputs, key=lambda name: (int(outputs[name]["bytes"]), name))
        for name in order:
            path, entry = folder / name, outputs[name]
            size = path.stat().st_size if path.is_file() else None
            if size is None:
                return _line(folder, path, "missing")
            if size != entry["bytes"]:
                return _line(folder, path, f"{size:,} bytes instead of {entry['bytes']:,}")
            hashed += size
            if (limit is None or hashed <= limit) and content(path) != entry["xxh3"]:
                return _line(folder, path, "other content than was written")
    except (TypeError, KeyError, ValueError, AttributeError):
        return _line(folder, folder / "manifest.json", "no list of files")
    except OSError as error:
        return _line(folder, Path(error.filename or folder), f"unreadable ({error.strerror})")
    return None


def _line(folder: Path, path: Path, what: str) -> str:
    return f"{path}: damaged, {what}; delete {folder} to rebuild it"
