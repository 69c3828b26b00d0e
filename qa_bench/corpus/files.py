"""What corpora that lie in files share: from ``corpus.path`` (file, glob, list) to files."""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qa_bench.errors import UserError

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


class FileCorpus:
    """The settings of a corpus in files; what it holds and how it is read is its subclass'."""

    labels = ("name", "path")

    def __init__(self, name: str, path: Paths, about: Mapping[str, Any] | None = None) -> None:
        """Keep the settings; nothing is read yet.

        Args:
            name: what the corpus is called.
            path: a file, a glob, or a list of them.
            about: for people.
        """
        self.name, self._path = name, path

    def files(self) -> list[Path]:
        """The files that will be read, in order.

        Raises:
            UserError: one is missing.
        """
        return input_files(self._path)
