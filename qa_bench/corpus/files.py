"""What corpora that lie in files share: from ``corpus.path`` (file, glob, list) to files."""

from __future__ import annotations

import glob
from collections.abc import Callable, Sequence
from pathlib import Path

from qa_bench.errors import UserError
from qa_bench.fetch.sources import Requirement, get_or_explain, requirement
from qa_bench.fetch.sources import source as entry_of
from qa_bench.parts import Part

Paths = str | Sequence[str] | None


def input_files(paths: Paths) -> list[Path]:
    """The files named; a name that exists is taken as it is, others are globs, in sorted order.

    Raises:
        UserError: nothing is named, a name matches no file, or names a folder.
    """
    if not paths:
        raise UserError("the corpus needs corpus.path=<file, glob or list of them>")
    files: list[Path] = []
    for name in [paths] if isinstance(paths, str) else paths:
        matches = matching(name)
        if not any(_is(path.is_file) for path in matches):
            if name and any(_is(path.is_dir) for path in matches):
                raise UserError(
                    f"corpus.path: {name} is a folder: name its files, or a glob as "
                    f"{name.rstrip('/')}/*; corpus=folder reads folders of documents"
                )
            raise UserError(f"corpus.path: no such file: {name}")
        files += [path for path in matches if _is(path.is_file)]
    return files


def matching(name: str) -> list[Path]:
    """The path of that name, if it exists; else what it matches as a glob, sorted.

    What exists of its folders is taken as it is too: a glob may stand in a folder named "a[1]".
    """
    path = Path(name)
    if not glob.has_magic(name) or _is(path.exists):
        return [path]
    there = Path(path.anchor)
    parts = list(path.parts[1:] if path.anchor else path.parts)
    while parts and _is((there / parts[0]).exists):
        there /= parts.pop(0)
    pattern = str(Path(glob.escape(str(there)), *parts))
    return [Path(match) for match in sorted(glob.glob(pattern, recursive=True))]  # noqa: PTH207


def _is(question: Callable[[], bool]) -> bool:
    """What a path answers; no for a name that is too long, or holds NUL."""
    try:
        return question()
    except (OSError, ValueError):
        return False


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
