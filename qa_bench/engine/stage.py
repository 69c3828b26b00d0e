"""A stage as data: what is made of what. Nothing runs here; ``Context.run`` does that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from qa_bench.engine.digests import Stamp, digest, stamp_of, watched
from qa_bench.errors import UserError
from qa_bench.types import Folder, Load, Step

Build = Callable[[Path, Mapping[str, Folder]], dict[str, Any]]
"""Writes everything into the folder it is given, from those of the inputs, and returns counts for
the manifest. It finds its earlier, unfinished work there after a kill.
"""


@dataclass(frozen=True, eq=False)
class Stage:
    """One arrow of the line: a function from folders to one folder.

    Attributes:
        name: the kind of stage; its folders lie in ``<cache>/<name>``.
        version: raised when the stage's own code changes what it writes.
        slug: readable first part of the folder's name; never part of the key.
        config: settings of just the parts it runs (their ``identity``), and its own.
        inputs: the stages it is made of, by what they are to it.
        digests: content hashes of what else goes in (files, questions, models), by name. Asked for
            when the key is: it may read files.
        build: makes the folder.
        plan: what it will take, for a corpus and a question set of some size.
        title: what a plan calls it; the name where there is none.
    """

    name: str
    version: int
    slug: str
    config: Mapping[str, Any]
    inputs: Mapping[str, Stage]
    digests: Callable[[], Mapping[str, str]]
    build: Build
    plan: Callable[[Load], Step]
    title: str = ""

    @cached_property
    def identified(self) -> dict[str, Any]:
        """What the key is made of, as it stands in the manifest.

        Raises:
            UserError: something that goes in is missing.
        """
        stages = {name: stage.key for name, stage in self.inputs.items()}
        with watched() as stamps:
            contents = self.digests()
        self._stamps.update(stamps)
        return {
            "stage": self.name,
            "version": self.version,
            "config": dict(self.config),
            "inputs": {**stages, **contents},
        }

    @cached_property
    def _stamps(self) -> dict[Path, Stamp]:
        """The files whose content went into the key, as they were then."""
        return {}

    @property
    def files(self) -> list[Path]:
        """The files whose content went into the key."""
        _ = self.identified
        return list(self._stamps)

    @property
    def contents(self) -> dict[str, str]:
        """The hashes of what else than stages went into the key, by name."""
        hashes = self.identified["inputs"]
        return {name: value for name, value in hashes.items() if name not in self.inputs}

    def changed_files(self) -> list[Path]:
        """The files that are not what they were when the key was made of them."""

        def changed(path: Path, stamp: Stamp) -> bool:
            try:
                return stamp_of(path) != stamp
            except OSError:
                return True

        return [path for path, stamp in self._stamps.items() if changed(path, stamp)]

    @cached_property
    def key(self) -> str:
        """16 hex digits; known before anything is built.

        Raises:
            UserError: something that goes in is missing.
        """
        return digest(self.identified)[:16]

    @cached_property
    def missing(self) -> UserError | None:
        """What keeps the key from being known yet: a file or a model, its own or an input's."""
        for before in self.inputs.values():
            if before.missing:
                return before.missing
        try:
            _ = self.key
        except UserError as error:
            return error
        return None


def graph(*ends: Stage) -> list[Stage]:
    """The stages that some are made of, and these, each once and after what it is made of.

    Two descriptions with one key are one stage; where something that goes into the key is missing,
    two with one name, slug and settings that are made of the same. Nothing runs.
    """
    stages: dict[str, Stage] = {}
    identities: dict[Stage, str] = {}

    def walk(stage: Stage) -> str:
        if stage not in identities:
            inputs = {name: walk(before) for name, before in stage.inputs.items()}
            identity = [stage.name, stage.version, stage.slug, dict(stage.config), inputs]
            identities[stage] = digest(identity) if stage.missing else stage.key
            stages.setdefault(identities[stage], stage)
        return identities[stage]

    for end in ends:
        walk(end)
    return list(stages.values())
