"""Unpacks zip and tar archives: nothing outside the folder, no links, no bombs."""

from __future__ import annotations

import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from qa_bench.engine.files import whole_folder
from qa_bench.errors import DataError

LARGEST = 200 * 10**9
"""Bytes that an archive may unpack to."""

MOST = 1_000_000
"""Files that an archive may hold."""

_BLOCK = 1 << 20
_CORRUPT = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    RuntimeError,
    ValueError,
)


def unpack(archive: Path, folder: Path, largest: int = LARGEST, most: int = MOST) -> Path:
    """Unpack into ``folder``, which is there whole or not at all.

    Raises:
        DataError: no zip or tar, a corrupt one, a path that leads out of the folder, a link or a
            device, or more than ``largest`` bytes or ``most`` files.
    """
    if folder.exists():
        return folder
    try:
        with whole_folder(folder) as work:
            room = largest
            for count, (name, file) in enumerate(_members(archive), 1):
                if count > most:
                    raise DataError(f"holds more than {most:,} files", archive)
                room -= _write(file, work / _inside(name, archive), room, largest, archive)
    except (*_CORRUPT, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's, not the archive's
        raise DataError(f"corrupt or truncated archive ({error})", archive) from None
    return folder


def _members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """(path inside, opened file) of every file; folders are left out."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            for entry in zipped.infolist():
                kind = stat.S_IFMT(entry.external_attr >> 16)
                if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                    raise DataError(f"'{entry.filename}' is a link or a device", archive)
                if not entry.is_dir():
                    with zipped.open(entry) as file:
                        yield entry.filename, file
                else:
                    _inside(entry.filename, archive)
        return
    try:
        tarred = tarfile.open(archive, "r|*")  # noqa: SIM115
    except (*_CORRUPT, OSError) as error:
        raise DataError(f"neither zip nor tar, or corrupt ({error})", archive) from None
    with tarred:
        for member in tarred:
            if not (member.isreg() or member.isdir()):
                raise DataError(f"'{member.name}' is a link or a device", archive)
            opened = tarred.extractfile(member) if member.isreg() else None
            if opened is not None:
                yield member.name, opened
            else:
                _inside(member.name, archive)


def _inside(name: str, archive: Path) -> Path:
    """The path of a member, which stays in the folder."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in name or "\0" in name:
        raise DataError(f"'{name}' leads out of the folder", archive)
    return Path(*path.parts)


def _write(file: IO[bytes], path: Path, room: int, largest: int, archive: Path) -> int:
    """Copy a member; the bytes that it really has, whatever the archive says of it."""
    size = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        out = path.open("xb")
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise DataError(f"'{path.name}' is there twice, or no name for a file", archive) from None
    with out:
        while block := file.read(_BLOCK):
            size += len(block)
            if size > room:
                raise DataError(f"unpacks to more than {largest / 1e9:.3g} GB", archive)
            out.write(block)
    return size
