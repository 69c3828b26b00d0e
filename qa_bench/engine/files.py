"""Files that are there whole or not at all, and the lock that lets one process make a thing."""

from __future__ import annotations

import gzip
import io
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import filelock

log = logging.getLogger(__name__)


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on a clean exit it is renamed into place."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def settle(part: Path, path: Path) -> None:
    """Give a file that came piece by piece its name, once it is safe on the disk."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)


@contextmanager
def whole_folder(folder: Path, go_on: bool = False) -> Iterator[Path]:
    """Yield a hidden folder beside ``folder``, which is not there; a clean exit renames it.

    Args:
        folder: the folder to be.
        go_on: keep what an unfinished one holds, for another time; else begin anew, and leave
            nothing behind.
    """
    work = folder.with_name(f".{folder.name}.partial")
    if not go_on:
        shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True, exist_ok=True)
    try:
        yield work
        work.replace(folder)
    finally:
        if not go_on:
            shutil.rmtree(work, ignore_errors=True)


def write_whole(path: Path, text: str) -> None:
    """Write a text file whole."""
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextmanager
def whole_text(path: Path) -> Iterator[IO[str]]:
    """A text file, compressed where the name ends in .gz, that appears when it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as temporary:
        if path.suffix != ".gz":
            with temporary.open("w", encoding="utf-8", newline="") as text:
                yield text
            return
        # No time stamp and no name inside: same content, same bytes.
        with (
            temporary.open("wb") as raw,
            gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as zipped,
            io.TextIOWrapper(cast(IO[bytes], zipped), encoding="utf-8", newline="") as text,
        ):
            yield text


@contextmanager
def locked(target: Path, purpose: str) -> Iterator[None]:
    """One process at a time makes ``target``; the others wait, and say so.

    Args:
        target: a file or folder; the lock lies hidden beside it.
        purpose: what the other process does, for the log line: "building index", "getting".
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(target.with_name(f".{target.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        log.info("another process is %s %s; waiting for it", purpose, target.name)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
