"""Documents in a folder, as people keep them: .md, .txt, .html and .pdf, an article each."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Literal

from qa_bench.engine.digests import digest
from qa_bench.errors import DataError, UserError
from qa_bench.formats.documents import SUFFIXES, read_document
from qa_bench.parts import Part
from qa_bench.types import Article

log = logging.getLogger(__name__)

_REASONS = {
    "other_files": "of kinds that are not read",
    "hidden": "hidden, their names begin with a dot",
    "links": "links to folders, or out of the folder",
    "empty_files": "without text",
    "unreadable_files": "unreadable",
}
"""Why something in the folder is no article, as counts are named and as it is told."""


class FolderCorpus(Part):
    """The documents below a folder, in the order of their places.

    An article's id is its place in the folder, its title what it calls itself, else its name.
    """

    unit: Literal["article"] = "article"
    labels = frozenset({"name", "path"})

    def __init__(self, name: str, path: str | None) -> None:
        """Keep the settings; nothing is read yet.

        Args:
            name: what the corpus is called.
            path: the folder.
        """
        self.name, self._path = name, path
        self._counts: Counter[str] = Counter()

    def _root(self) -> Path:
        if not self._path or not isinstance(self._path, str):
            raise UserError(f"corpus {self.name} needs corpus.path=<a folder of documents>")
        root = Path(self._path)
        if not root.is_dir():
            what = "is a file, not a folder" if root.exists() else "no such folder"
            raise UserError(f"corpus.path: {what}: {self._path}")
        return root

    def _documents(self) -> tuple[list[tuple[str, Path]], dict[str, list[str]]]:
        """(id, path) of the documents in order, and by reason the places of all else."""
        root = self._root()
        real = root.resolve()
        documents: list[tuple[str, Path]] = []
        others: dict[str, list[str]] = {reason: [] for reason in _REASONS}
        for folder, folders, files in os.walk(root, onerror=_unreadable):
            here = Path(folder)
            for name in (*folders, *files):
                path = here / name
                place = _place(path.relative_to(root))
                if name.startswith("."):
                    others["hidden"].append(place)
                elif path.is_symlink() and (
                    name in folders or not path.resolve().is_relative_to(real)
                ):
                    others["links"].append(place)
                elif name in folders:
                    continue
                elif path.suffix.lower() not in SUFFIXES or not path.is_file():
                    others["other_files"].append(place)
                else:
                    documents.append((place, path))
            folders[:] = [name for name in folders if not name.startswith(".")]
        if not documents:
            kinds = ", ".join(sorted(SUFFIXES))
            raise UserError(f"corpus.path: no document ({kinds}) below {self._path}")
        return sorted(documents), others

    def files(self) -> list[Path]:
        """The documents, in order.

        Raises:
            UserError: there is no such folder, or no document in it.
        """
        return [path for _, path in self._documents()[0]]

    def sources(self) -> dict[str, str]:
        """The places of the documents, which are their ids; the version of what reads PDF."""
        documents, _ = self._documents()
        sources = {"places": digest([place for place, _ in documents])}
        if any(path.suffix.lower() == ".pdf" for _, path in documents):
            try:
                sources["pypdf"] = metadata.version("pypdf")
            except metadata.PackageNotFoundError:
                raise UserError(
                    f"corpus {self.name}: .pdf needs pypdf: pip install 'qa-bench[pdf]'"
                ) from None
        return sources

    def articles(self) -> Iterator[tuple[Article, Path, int]]:
        """(article, file, 1), streaming; what is none is told when all have been read.

        Raises:
            UserError: a package is missing.
        """
        documents, others = self._documents()
        why = ""
        for place, path in documents:
            try:
                document = read_document(path)
            except DataError as error:
                others["unreadable_files"].append(place)
                why = why or str(error).removeprefix(f"{path}: ")
                continue
            if not document.text.strip():
                others["empty_files"].append(place)
                continue
            title = " ".join(document.title.split()) or _place(Path(path.stem))
            yield Article(place, title, document.text), path, 1
        self._counts = Counter({reason: len(places) for reason, places in others.items()})
        for reason, places in others.items():
            if places:
                log.warning(
                    "%s: left out: %d %s, first %s%s",
                    self._path,
                    len(places),
                    _REASONS[reason],
                    min(places),
                    f" ({why})" if reason == "unreadable_files" else "",
                )

    def counts(self) -> dict[str, int]:
        """What was left out of the last stream, by reason."""
        return {reason: self._counts[reason] for reason in _REASONS if self._counts[reason]}


def _place(path: Path) -> str:
    """A path as text; bytes of a name that are no UTF-8 are shown as such."""
    return os.fsencode(path.as_posix()).decode("utf-8", "backslashreplace")


def _unreadable(error: OSError) -> None:
    raise UserError(f"corpus.path: cannot read the folder {error.filename} ({error.strerror})")
