"""Builds stages, once and whole, or reuses them.

A stage's folder is ``<cache>/<stage>/<slug>-<key>/``. It is built under a hidden name, its manifest
is written last, and then it is renamed into place: a folder without the dot *is* complete. A killed
build keeps its hidden folder, and ``Shards`` lets the next one go on from the last finished shard.

A build that counts something as ``failed`` makes a provisional folder: it can be looked at, and so
can what is made of it, but the next run makes both anew. One that another process makes while this
one is at work is taken as it is: what failed there just now would fail here too.
"""

from __future__ import annotations

import errno
import logging
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from qa_bench.engine.digests import FileDigests
from qa_bench.engine.files import locked
from qa_bench.engine.manifest import MANIFEST, differences, newest, read_manifest, write_manifest
from qa_bench.engine.shards import NOTE_SUFFIX
from qa_bench.engine.stage import Stage
from qa_bench.errors import UserError
from qa_bench.types import Folder, Runtime

log = logging.getLogger(__name__)

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

    def run(self, stage: Stage) -> Folder:
        """The stage's folder, after those it is made of; each is looked at once.

        Raises:
            UserError: something that goes in is missing, or the disk is full. Whatever a build
                raises is passed on; its unfinished folder stays hidden.
        """
        if stage.key not in self._folders:
            inputs = {name: self.run(before) for name, before in stage.inputs.items()}
            self._folders[stage.key] = self._folder(stage, inputs)
        return self._folders[stage.key]

    def find(self, stage: Stage) -> Folder | None:
        """The stage's folder if it is finished and can be reused; nothing is built.

        Raises:
            UserError: something that goes in is missing, or a manifest is spoilt.
        """
        finished = read_manifest(self._target(stage), stage.key)
        return None if finished is None or self._is_outdated(finished) else finished

    def why(self, stage: Stage) -> str:
        """Why there is nothing to reuse: what differs from the newest folder of the same slug.

        Empty where there is no such folder, or none that differs. Of a provisional folder, what
        failed.

        Raises:
            UserError: something that goes in is missing, or a manifest is spoilt.
        """
        target = self._target(stage)
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

    def _target(self, stage: Stage) -> Path:
        """The folder of this key, whatever the slug it was built under; else the one wanted."""
        parent, name = self.cache / stage.name, f"{_slug(stage)}-{stage.key}"
        if not (parent / name).exists():
            for path in sorted(parent.glob(f"*-{stage.key}")):
                if not path.name.startswith("."):
                    return path
        return parent / name

    def _folder(self, stage: Stage, inputs: Mapping[str, Folder]) -> Folder:
        target = self._target(stage)
        if (finished := self.find(stage)) is not None:
            log.info("%s: reusing %s%s", stage.name, target.name, _failures(finished))
            return finished
        work = target.with_name(f".{target.name}.partial")
        try:
            with locked(target, f"building {stage.name}"):
                finished = read_manifest(target, stage.key)
                if finished is not None and not self._is_outdated(finished):
                    log.info(
                        "%s: reusing %s, built by another process%s",
                        stage.name,
                        target.name,
                        _failures(finished),
                    )
                    return finished
                reason = self.why(stage)
                if finished is not None:
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
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise UserError(
                    f"no space left on the disk while writing {work}: free some, or set paths.cache"
                ) from error
            raise

    def _built(
        self, stage: Stage, inputs: Mapping[str, Folder], target: Path, work: Path
    ) -> Folder:
        work.mkdir(exist_ok=True)
        for left_by_a_kill in work.glob(".*.tmp"):
            left_by_a_kill.unlink()
        manifest = write_manifest(
            work,
            {"key": stage.key, "slug": _slug(stage), **stage.identified},
            lambda: stage.build(work, inputs),
            asdict(self.runtime),
            provisional=any(_provisional(folder) for folder in inputs.values()),
        )
        if target.exists():  # a folder without a manifest: somebody's copy gone wrong
            shutil.rmtree(target)
        work.replace(target)
        for note in target.glob(f"*{NOTE_SUFFIX}"):  # the manifest speaks for the shards now
            note.unlink()
        return Folder(path=target, key=stage.key, manifest=manifest)


def _slug(stage: Stage) -> str:
    return _UNSAFE.sub("-", stage.slug)[:100]


def _provisional(folder: Folder) -> bool:
    return bool(folder.manifest.get("provisional"))


def _failures(folder: Folder) -> str:
    failed = folder.manifest["counts"].get("failed")
    return f"; {failed} failed the last time" if failed else ""


def _discard(path: Path) -> None:
    """Under a hidden name first: a folder that shows is always whole."""
    hidden = path.with_name(f".{path.name}.discarded")
    shutil.rmtree(hidden, ignore_errors=True)
    path.replace(hidden)
    shutil.rmtree(hidden, ignore_errors=True)
