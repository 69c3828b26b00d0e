"""Builds stages, once and whole, or reuses them.

A stage's folder is ``<cache>/<stage>/<slug>-<key>/``. It is built under a hidden name, its manifest
is written last, and then it is renamed into place: a folder without the dot *is* complete. A killed
build keeps its hidden folder, and ``Shards`` lets the next one go on from the last finished shard.
A folder is compared with its manifest whenever it is reused.

A build that counts something as ``failed`` makes a provisional folder: it can be looked at, and so
can what is made of it, but the next run makes both anew. One that another process makes while this
one is at work is taken as it is: what failed there just now would fail here too.
"""

from __future__ import annotations

import contextlib
import logging
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from qa_bench.engine.digests import FileDigests, file_sha256
from qa_bench.engine.files import TOO_LARGE, locked, no_space, settle, too_large
from qa_bench.engine.integrity import damage, hidden_damage, size_of
from qa_bench.engine.manifest import MANIFEST, differences, newest, read_manifest, write_manifest
from qa_bench.engine.shards import NOTE_SUFFIX
from qa_bench.engine.stage import Stage
from qa_bench.errors import DataError, UserError
from qa_bench.types import Folder, Runtime

log = logging.getLogger(__name__)

_READ_FOR_OTHER_ERRORS = 1 << 30
"""Bytes of a folder that are looked at after an error which may well have another reason."""
_UNSAFE = re.compile(r"[^\w.,=+\[\]-]+")


@dataclass(frozen=True)
class Context:
    """Where stages' folders lie and how to work.

    Attributes:
        cache: root of all stages.
        runtime: settings that are recorded and change no result.
    """

    cache: Path
    runtime: Runtime
    _folders: dict[str, Folder] = field(default_factory=dict, init=False, repr=False, compare=False)
    _began: float = field(default_factory=time.time, init=False, repr=False, compare=False)

    @property
    def digests(self) -> FileDigests:
        """Digests of input files, remembered in the cache."""
        return FileDigests(self.cache / "file-digests.json")

    @property
    def sha256(self) -> FileDigests:
        """SHA-256 of input files, for certificates, remembered in the cache."""
        return FileDigests(self.cache / "file-sha256.json", file_sha256)

    def run(self, stage: Stage) -> Folder:
        """The stage's folder, after those it is made of; each is looked at once.

        Raises:
            UserError: something that goes in is missing or changes meanwhile, a finished folder is
                damaged, or the disk is full. Whatever else a build raises is passed on; its
                unfinished folder stays hidden.
        """
        if stage.key not in self._folders:
            inputs = {name: self.run(before) for name, before in stage.inputs.items()}
            self._folders[stage.key] = self._folder(stage, inputs)
        return self._folders[stage.key]

    def find(self, stage: Stage) -> Folder | None:
        """The stage's folder if it is finished and can be reused; nothing is built.

        Raises:
            UserError: something that goes in is missing, or the folder is damaged.
        """
        target = self.target(stage)
        while True:
            finished = read_manifest(target, stage.key)
            if finished is None or self._is_outdated(finished):
                return None
            problem = damage(finished.path, finished.manifest["outputs"])
            if problem is None:
                return finished
            now = read_manifest(target, stage.key)
            if now is not None and now.manifest == finished.manifest:  # nobody replaces it
                raise UserError(problem)

    @contextlib.contextmanager
    def watching(self, folders: Iterable[Folder] | None = None) -> Iterator[None]:
        """Where finished folders are read: an error that comes of a damaged file is told as that.

        Args:
            folders: those that are read; None for all that this context has handed out.

        Raises:
            UserError: something was raised in the block, and a folder is damaged.
        """
        try:
            yield
        except BrokenPipeError:  # nobody reads on: that is no damage
            raise
        except Exception as error:
            several = list(self._folders.values() if folders is None else folders)
            limit = None if _is_of(error, several) else _READ_FOR_OTHER_ERRORS
            for folder in several:
                if limit is None and size_of(folder.manifest["outputs"]) > _READ_FOR_OTHER_ERRORS:
                    log.info("an error: is it the disk's? reading %s again", folder.path)
                if problem := hidden_damage(folder.path, folder.manifest["outputs"], limit):
                    raise UserError(problem) from error
            raise

    def why(self, stage: Stage) -> str:
        """Why there is nothing to reuse: what differs from the newest folder of the same slug.

        Empty where there is no such folder, or none that differs. Of a provisional folder, what
        failed.

        Raises:
            UserError: something that goes in is missing, or a manifest is spoilt.
        """
        target = self.target(stage)
        finished = read_manifest(target, stage.key)
        if finished is not None and self._is_outdated(finished):
            return f"provisional{_failures(finished)}"
        manifest = newest(target.parent, _slug(stage))
        return differences(manifest, stage.identified) if manifest else ""

    def _is_outdated(self, folder: Folder) -> bool:
        """Whether an earlier run left the folder provisional."""
        if not _provisional(folder):
            return False
        try:
            return (folder.path / MANIFEST).stat().st_mtime < self._began
        except FileNotFoundError:  # another process is making it anew
            return True

    def target(self, stage: Stage) -> Path:
        """The folder of this key, whatever the slug it was built under; else the one wanted."""
        parent, name = self.cache / stage.name, f"{_slug(stage)}-{stage.key}"
        if not (parent / name).exists():
            for path in sorted(parent.glob(f"*-{stage.key}")):
                if not path.name.startswith("."):
                    return path
        return parent / name

    def _folder(self, stage: Stage, inputs: Mapping[str, Folder]) -> Folder:
        target = self.target(stage)
        if (finished := self.find(stage)) is not None:
            log.info("%s: reusing %s%s", stage.name, target.name, _failures(finished))
            _sweep_notes(finished.path)
            return finished
        work = target.with_name(f".{target.name}.partial")
        try:
            with locked(target, f"building {stage.name}"):
                shutil.rmtree(_discarded(target), ignore_errors=True)
                if (finished := self.find(stage)) is not None:
                    log.info(
                        "%s: reusing %s, built by another process%s",
                        stage.name,
                        target.name,
                        _failures(finished),
                    )
                    return finished
                reason = self.why(stage)
                if read_manifest(target, stage.key) is not None:  # provisional
                    log.info("%s: %s is %s", stage.name, target.name, reason)
                    _discard(target)
                    reason = ""
                log.info(
                    "%s: %s %s%s",
                    stage.name,
                    "resuming" if any(work.glob(f"*{NOTE_SUFFIX}")) else "building",
                    target.name,
                    f" ({reason})" if reason else "",
                )
                return self._built(stage, inputs, target, work)
        except Exception as error:
            if too_large(error):
                raise UserError(f"{work}: {TOO_LARGE}") from error
            if no_space(error, target.parent):
                raise UserError(
                    f"no space left on the disk while writing {work}: free some, or set paths.cache"
                ) from error
            raise

    def _built(
        self, stage: Stage, inputs: Mapping[str, Folder], target: Path, work: Path
    ) -> Folder:
        _clear(work)

        def build() -> dict[str, Any]:
            with self.watching(inputs.values()):
                counts = stage.build(work, inputs)
            if changed := stage.changed_files():
                shutil.rmtree(work)  # some of it may be of the one content, some of the other
                raise UserError(
                    f"{changed[0]}: changed while {stage.name} was at work; run the command again "
                    "when it stays as it is"
                )
            return counts

        manifest = write_manifest(
            work,
            {"key": stage.key, "slug": _slug(stage), **stage.identified},
            build,
            asdict(self.runtime),
            provisional=any(_provisional(folder) for folder in inputs.values()),
        )
        if target.exists():  # a folder without a manifest: somebody's copy gone wrong
            shutil.rmtree(target)
        settle(work, target)
        _sweep_notes(target)
        return Folder(path=target, key=stage.key, manifest=manifest)


def _slug(stage: Stage) -> str:
    return _UNSAFE.sub("-", stage.slug)[:100]


def _provisional(folder: Folder) -> bool:
    return bool(folder.manifest.get("provisional"))


def _failures(folder: Folder) -> str:
    failed = folder.manifest["counts"].get("failed")
    return f"; {failed} failed the last time" if failed else ""


def _is_of(error: Exception, folders: Iterable[Folder]) -> bool:
    """Whether nothing but damage explains an error: of a folder's file, or of nobody's wording."""
    if isinstance(error, DataError):
        return any(Path(error.path).is_relative_to(folder.path) for folder in folders)
    return not isinstance(error, UserError)


def _clear(work: Path) -> None:
    """An empty folder to begin in; of one that can be resumed, the finished shards and no more."""
    work.mkdir(exist_ok=True)
    shards = {note.stem for note in work.glob(f"*{NOTE_SUFFIX}")}
    for path in list(work.iterdir()):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.stem not in shards or path.suffix == ".tmp":
            path.unlink()


def _sweep_notes(folder: Path) -> None:
    """The manifest speaks for the shards now."""
    for note in folder.glob(f"*{NOTE_SUFFIX}"):
        with contextlib.suppress(OSError):  # a cache to read only
            note.unlink()


def _discarded(path: Path) -> Path:
    return path.with_name(f".{path.name}.discarded")


def _discard(path: Path) -> None:
    """Under a hidden name first: a folder that shows is always whole."""
    hidden = _discarded(path)
    shutil.rmtree(hidden, ignore_errors=True)
    path.replace(hidden)
    shutil.rmtree(hidden, ignore_errors=True)
