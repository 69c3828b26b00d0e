"""Sets on the hub: one split as rows, at a commit, from the hub's cache or streamed.

Which files a split is made of is asked once a commit and noted in a small file. The note names the
commit: it is what identifies the split, and what stages have in their keys.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from qa_bench.engine.files import write_whole
from qa_bench.errors import DataError, UserError
from qa_bench.fetch.sources import MissingError, Requirement, hub_entry
from qa_bench.net.consent import consent
from qa_bench.net.hub import (
    cache_folder,
    cached_file,
    commit_of,
    fetched_file,
    known_commit,
    one_line,
    safe_name,
)
from qa_bench.net.policy import offline
from qa_bench.net.web import told_size

log = logging.getLogger(__name__)

Row = tuple[dict[str, Any], Path, int]
"""A row, the file it is in, and its number there from 1."""


@dataclass(frozen=True)
class HubSplit:
    """One split of a set on the hub.

    Attributes:
        name: the set, as ``wikimedia/wikipedia``.
        config: its configuration, where it has several.
        split: train, validation, …
        revision: commit, tag or branch; None for the newest.
        folder: where notes lie.
    """

    name: str
    config: str | None
    split: str
    revision: str | None
    folder: Path

    def note(self) -> Path:
        """The note of the commit meant; asks the hub unless that is forbidden.

        Raises:
            UserError: there is no such set or split.
            MissingError: the hub may not be asked, and was not before.
        """
        note = self._known_note()
        if offline():
            if note is None:
                raise MissingError(f"{self}: not fetched yet, and downloads are forbidden")
            return note
        try:
            path = self._note_of(commit_of(self.name, self.revision, "dataset"))
        except UserError as error:
            if note is None:
                raise
            log.warning("WARNING: %s; taking the commit that was last seen", error)
            return note
        if not path.exists():
            with one_line(str(self)):
                answer = self._ask(path.stem.rpartition("@")[2])
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, json.dumps(answer, indent=1))
        return path

    def _note_of(self, commit: str) -> Path:
        folder = safe_name(self.name.replace("/", "--"))
        stem = safe_name(f"{self.config or 'default'}-{self.split}")
        return self.folder / folder / f"{stem}@{commit}.json"

    def _known_note(self) -> Path | None:
        """The note of the commit that the revision last meant."""
        commit = known_commit(self.name, self.revision, "dataset")
        path = self._note_of(commit) if commit else None
        return path if path is not None and path.exists() else None

    def _ask(self, commit: str) -> dict[str, Any]:
        """What the split is made of at a commit, as ``datasets`` sees it."""
        from datasets import load_dataset_builder  # type: ignore[import-untyped]
        from huggingface_hub import HfApi

        builder: Any = load_dataset_builder(self.name, self.config, revision=commit)
        splits = builder.config.data_files or {}
        if self.split not in splits:
            raise UserError(f"{self}: no such split: use one of {', '.join(map(str, splits))}")
        home = f"hf://datasets/{self.name}@{commit}/"
        urls = [str(url) for url in splits[self.split]]
        strangers = [url for url in urls if not url.startswith("hf://datasets/") or "@" not in url]
        if strangers:
            raise UserError(f"{self}: its files lie elsewhere, as {strangers[0]}")
        paths = [url.partition("@")[2].partition("/")[2] for url in urls]
        repository = urls[0].removeprefix("hf://datasets/").partition("@")[0] if urls else home
        entries = HfApi().get_paths_info(repository, paths, revision=commit, repo_type="dataset")
        sizes = {entry.path: getattr(entry, "size", None) for entry in entries}
        return {
            "repository": repository,
            "commit": commit,
            "config": self.config,
            "split": self.split,
            "format": type(builder).__module__.rpartition(".")[2],
            "files": [{"path": path, "bytes": sizes.get(path)} for path in paths],
        }

    @cached_property
    def _content(self) -> dict[str, Any]:
        return _content_of(self.note())

    def rows(self) -> Iterator[Row]:
        """The rows of all files in order, streaming; from the cache what is there.

        Raises:
            MissingError: downloads are forbidden, and a file is not in the cache.
            UserError: the hub does not give a file, or it cannot be read.
        """
        from datasets import load_dataset

        content = self._content
        cached = {file["path"]: _cached(content, file["path"]) for file in content["files"]}
        missing = [path for path, place in cached.items() if place is None]
        if missing and offline():
            raise MissingError(
                f"{self}: {len(missing)} of {len(cached)} files are not in the hub's cache, and "
                f"downloads are forbidden: {', '.join(missing[:3])}"
            )
        if missing:
            size = self._size(content, missing)
            consent(str(self), size)
            log.info(
                "%s: streaming %d files, %s, from the hub", self, len(missing), told_size(size)
            )
        home = f"hf://datasets/{content['repository']}@{content['commit']}"
        for path, place in cached.items():
            where = str(place) if place is not None else f"{home}/{path}"
            with one_line(f"{self}: {path}"):
                rows: Any = load_dataset(
                    content["format"], data_files={"all": [where]}, split="all", streaming=True
                )
                for number, row in enumerate(rows, 1):
                    yield dict(row), Path(path), number

    def fetch(self) -> Path:
        """Get every file into the hub's cache; returns the note.

        Raises:
            MissingError: downloads are forbidden, and something is not there.
            UserError: the hub does not give it.
        """
        content = self._content
        missing = [f["path"] for f in content["files"] if _cached(content, f["path"]) is None]
        if missing and offline():
            raise MissingError(f"{self}: {missing[0]} is not in the hub's cache")
        if missing:
            size = self._size(content, missing)
            consent(str(self), size)
            log.info(
                "downloading %s at commit %s (%s; %s) to the hub's cache",
                self.address, content["commit"][:12], told_size(size), self.licence,
            )  # fmt: skip
        with one_line(str(self)):
            for path in missing:
                fetched_file(content["repository"], path, content["commit"], "dataset")
        return self.note()

    def requirement(self, what: str) -> Requirement:
        """The split as something to get; asks nobody."""
        note = self._known_note()
        content = _content_of(note) if note else None
        there = content is not None and all(_cached(content, f["path"]) for f in content["files"])
        return Requirement(
            what=what,
            address=f"{self.address} ({self.config or 'default'}, {self.split})",
            target=cache_folder(self.name, "dataset"),
            present=cache_folder(self.name, "dataset") if there else None,
            size=self._size(content) if content else None,
            licence=self.licence,
            get=self.fetch,
        )

    @property
    def address(self) -> str:
        """The set's page."""
        hub = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
        return f"{hub}/datasets/{self.name}"

    @property
    def licence(self) -> str:
        """As ``sources.yaml`` has it."""
        return str(hub_entry(self.name).get("licence", "see its page"))

    @staticmethod
    def _size(content: dict[str, Any], paths: Sequence[str] | None = None) -> int | None:
        """Bytes of some of the files, or of all."""
        files = content["files"]
        sizes = [file["bytes"] for file in files if paths is None or file["path"] in paths]
        return None if None in sizes else sum(sizes)

    def __str__(self) -> str:
        """For messages."""
        return f"hub set {self.name} ({self.config or 'default'}, {self.split})"


def _content_of(note: Path) -> dict[str, Any]:
    """What a note says.

    Raises:
        DataError: it is damaged.
    """
    try:
        content: dict[str, Any] = json.loads(note.read_text(encoding="utf-8"))
        for file in content["files"]:
            if not isinstance(file["path"], str) or not isinstance(file["bytes"], int | None):
                raise TypeError
        if not all(isinstance(content[name], str) for name in ("repository", "commit", "format")):
            raise TypeError
    except (ValueError, KeyError, TypeError, RecursionError):
        raise DataError("a damaged note of a set on the hub: delete it", note) from None
    return content


def _cached(content: dict[str, Any], path: str) -> Path | None:
    """A file in the hub's cache, at the commit of the note."""
    return cached_file(content["repository"], path, content["commit"], "dataset")
