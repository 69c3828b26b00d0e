"""What corpora that lie in files share: from ``corpus.path`` (file, glob, list) to files."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from qa_bench.errors import UserError
from qa_bench.fetch.sources import Requirement, get_or_explain, requirement
from qa_bench.fetch.sources import source as entry_of
from qa_bench.parts import Part

Paths = str | Sequence[str] | None


def input_files(paths: Paths) -> list[Path]:
    """The files named, globs in sorted order.

    Raises:
        UserError: nothing is named, or a name matches no file.
    """
    if not paths:
        raise UserError("the corpus needs corpus.path=<file, glob or list of them>")
    files: list[Path] = []
    for pattern in [paths] if isinstance(paths, str) else paths:
        matches = sorted(glob.glob(pattern)) if glob.has_magic(pattern) else [pattern]  # noqa: PTH207
        files += [Path(match) for match in matches if Path(match).is_file()]
        if not any(Path(match).is_file() for match in matches):
            raise UserError(f"corpus.path: no such file: {pattern}")
    return files


class FileCorpus(Part):
    """The settings of a corpus in files; what it holds and how it is read is its subclass'."""

    labels = frozenset({"name", "path", "source", "raw"})

    def __init__(
        self,
        name: str,
        path: Paths,
        source: str | None = None,
        raw: str | None = None,
    ) -> None:
        """Keep the settings; nothing is read yet.

        Args:
            name: what the corpus is called.
            path: a file, a glob, or a list of them; None for the official file, if it has one.
            source: the entry of ``fetch/sources.yaml`` that is the official file.
            raw: where official files lie.
        """
        self.name, self._path, self._source, self._raw = name, path, source, raw

    def requirements(self) -> list[Requirement]:
        """What can be downloaded: the official file, unless ``path`` names another."""
        if self._path or self._source is None or self._raw is None:
            return []
        entry = entry_of(self._source)
        return [requirement(entry, Path(self._raw) / entry.file, f"corpus {self.name}")]

    def files(self) -> list[Path]:
        """The files that will be read, in order; an official one is downloaded first.

        Raises:
            UserError: one is missing, and cannot be downloaded.
        """
        official = self.requirements()
        if not official:
            return input_files(self._path)
        for thing in official:
            if thing.present is None:
                get_or_explain(
                    thing,
                    f"corpus {self.name}: no such file: {thing.target}: put it there from "
                    f"{thing.address}, or set corpus.path=<file>",
                )
        return [thing.present or thing.target for thing in official]
