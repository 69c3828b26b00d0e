"""Files that are there whole or not at all, and the lock that lets one process make a thing."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import gzip
import io
import logging
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import filelock

from qa_bench.errors import UserError

log = logging.getLogger(__name__)

_LITTLE = 1 << 20
"""Bytes; a disk with less is full."""
_MANY = 1000
"""Files that take longer one by one than all that the system has to write."""
_TEMPORARY = re.compile(r"\.(.+)\.[0-9a-f]{8}\.tmp")
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What systems say where a file may grow no more: the last, of a limit as `ulimit -f` sets."""
_NO_SYNC = (errno.EINVAL, errno.EBADF, errno.ENOTSUP, errno.EROFS, errno.EACCES)
"""What file systems say that cannot sync a folder."""


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on a clean exit it is synced and renamed into place.

    Its name is random: processes of two containers on one volume may have the same number. What
    processes that were killed left beside ``path`` is swept.
    """
    sweep(path.parent, path.name)
    temporary, owned = _temporary(path)
    try:
        yield temporary
        settle(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
        os.close(owned)


def _temporary(path: Path) -> tuple[Path, int]:
    """A new file, and its descriptor, whose lock tells others that somebody is at work on it."""
    while True:
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # somebody sweeps it in this very moment
            os.close(descriptor)
            continue
        except OSError:  # a file system without locks: then nobody sweeps either
            return temporary, descriptor
        if os.fstat(descriptor).st_nlink:
            return temporary, descriptor
        os.close(descriptor)


def sweep(folder: Path, name: str | None = None) -> None:
    """Remove the temporary files of ``whole`` whose processes are no more.

    Args:
        folder: where they lie.
        name: of the file that they should have become; None for all, in a folder that is ours.
    """
    with contextlib.suppress(OSError):
        for temporary in folder.iterdir():
            ours = _TEMPORARY.fullmatch(temporary.name)
            if ours and name in (None, ours[1]):
                _remove_if_nobodys(temporary)


def _remove_if_nobodys(temporary: Path) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(temporary, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            temporary.unlink()
        finally:
            os.close(descriptor)


def sync(path: Path) -> None:
    """Have a file or the names in a folder on the disk, whatever happens to the power."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(descriptor)


def no_space(error: Exception, folder: Path) -> bool:
    """Whether an error says that the disk of ``folder`` is full; some libraries say it in words."""
    if isinstance(error, OSError) and error.errno in FULL:
        return True
    if any(os.strerror(number) in str(error) for number in FULL):  # faiss, safetensors, arrow
        return not isinstance(error, UserError)
    if isinstance(error, OSError) and error.errno is None:  # numpy: "9 requested and 5 written"
        with contextlib.suppress(OSError):
            return shutil.disk_usage(folder).free < _LITTLE
    return False


def too_large(error: Exception) -> bool:
    """Whether an error says that a file grew beyond what the system allows (``ulimit -f``)."""
    number = error.errno if isinstance(error, OSError) else None
    return number == errno.EFBIG or os.strerror(errno.EFBIG) in str(error)


TOO_LARGE = (
    "a file grew larger than is allowed here: raise the limit (ulimit -f), or write to a file "
    "system that takes larger ones (paths.cache, paths.results)"
)


def sync_all(folder: Path) -> None:
    """``sync`` a folder with all that is below it."""
    paths = [path for path in folder.rglob("*") if not path.is_symlink()]
    if len(paths) > _MANY:
        os.sync()
        return
    for path in (*paths, folder):
        sync(path)


def settle(part: Path, path: Path) -> None:
    """Give a file or a synced folder its name, once it is safe on the disk, and the name too."""
    sync(part)
    part.replace(path)
    sync(path.parent)


@contextmanager
def whole_folder(folder: Path, go_on: bool = False) -> Iterator[Path]:
    """Yield a hidden folder beside ``folder``, which is not there; a clean exit syncs and renames.

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
        sync_all(work)
        settle(work, folder)
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
