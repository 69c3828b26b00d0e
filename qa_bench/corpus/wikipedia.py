"""Wikipedia, or any wiki, from its XML dump: ``pages-articles``, whole or in pieces."""

from __future__ import annotations

import logging
import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from qa_bench.corpus.files import FileCorpus, Paths
from qa_bench.corpus.wikipedia_pages import REASONS, Entry, Extractor, Left
from qa_bench.errors import DataError
from qa_bench.formats.mediawiki_xml import Bad, RawPage, read_pages
from qa_bench.runtime.processes import in_order
from qa_bench.settings import one_of, whole_number
from qa_bench.types import Article

log = logging.getLogger(__name__)

_FIRST_PAGE = re.compile(r"-p(\d+)p\d+\b")
"""As in enwiki-20181220-pages-articles1.xml-p10p30302.bz2."""
_BATCH_BYTES = 1 << 20
"""Pages are extracted together until their XML has so many bytes: 0.03 seconds of work."""
_BATCH_PAGES = 5000
_WORTH_PROCESSES = 2 << 20
"""Bytes of input files from which processes pay for their start."""
_WARNINGS = 20
"""So many bad pages are logged one by one."""


class WikipediaDump(FileCorpus):
    """The articles of a dump: pages of namespace 0, without redirects and disambiguation pages."""

    unit: Literal["article"] = "article"
    labels = FileCorpus.labels | {"processes"}

    def __init__(
        self,
        name: str,
        path: Paths,
        clean: str = "dpr",
        links: str = "drop",
        sections: str = "drop",
        lists: str = "drop",
        tables: str = "drop",
        on_error: str = "stop",
        processes: int = 0,
        **official: Any,
    ) -> None:
        """Check the settings; nothing is read yet.

        Args:
            name: what the corpus is called.
            path: a file, a glob, or a list of them; .bz2 (multistream too), .gz, .xz or plain XML.
            clean: ``dpr``: the text that DPR's extractor made; ``tamber``: the same without what it
                left over or lost; ``none``: the wikitext as it is.
            links: ``keep`` them as ``[[target|text]]``, or ``drop`` all but the text.
            sections: ``keep`` or ``drop`` headings.
            lists: ``keep`` or ``drop`` list items.
            tables: ``keep`` or ``drop`` rows of tables and fields of infoboxes.
            on_error: what becomes of pages and pieces that cannot be read: ``stop`` there, or
                ``skip`` and count them.
            processes: how many extract side by side; 0 means one a core.
            official: see ``FileCorpus``.

        Raises:
            UserError: a setting is none of its values.
        """
        super().__init__(name, path, **official)
        keep = {"links": links, "sections": sections, "lists": lists, "tables": tables}
        for setting, value in keep.items():
            one_of(f"corpus.{setting}", value, ("drop", "keep"))
        one_of("corpus.on_error", on_error, ("stop", "skip"))
        one_of("corpus.clean", clean, Extractor.CLEANINGS)
        whole_number("corpus.processes", processes, 0)
        self._extractor = Extractor(clean, {kind: value == "keep" for kind, value in keep.items()})
        self._skip = on_error == "skip"
        self._processes = processes
        self._counts: Counter[str] = Counter()

    def files(self) -> list[Path]:
        """The pieces, by the page ids in their names where all have them.

        Raises:
            UserError: one is missing, and cannot be downloaded.
        """
        pieces: list[Path] = []
        for path in super().files():  # a dump that was downloaded is a folder
            pieces += sorted(path.glob("*.xml*")) if path.is_dir() else [path]
        starts = {path: start for path in pieces if (start := _FIRST_PAGE.search(path.name))}
        if len(starts) < len(pieces):
            return pieces
        return sorted(pieces, key=lambda path: int(starts[path][1]))

    def articles(self) -> Iterator[tuple[Article, Path, int]]:
        """(article, file, the line on which its page ends), streaming.

        Raises:
            DataError: ``on_error`` is "stop" and something cannot be read; the first such thing.
        """
        for entry, path in self.entries():
            yield Article(entry.id, entry.title, entry.text), path, entry.line

    def entries(self) -> Iterator[tuple[Entry, Path]]:
        """As ``articles``, with each page's revision."""
        self._counts = Counter()
        start, size = time.perf_counter(), 0
        files = self.files()
        workers = self._processes or len(os.sched_getaffinity(0))
        if sum(path.stat().st_size for path in files) < _WORTH_PROCESSES:
            workers = 1
        places: list[Path] = []

        def batches() -> Iterator[list[RawPage | Bad]]:
            nonlocal size
            for path in files:
                for batch, read in _batches(read_pages(path, workers)):
                    size += read
                    places.append(path)
                    yield batch

        for results in in_order(self._extractor, batches(), workers):
            path = places.pop(0)
            for result in results:
                if isinstance(result, Entry):
                    self._counts["pages"] += 1
                    yield result, path
                else:
                    self._left_out(result, path)
        self._tell(time.perf_counter() - start, size)

    def counts(self) -> dict[str, int]:
        """Pages read so far in the last stream, and those left out, by reason."""
        return {name: self._counts[name] for name in ("pages", *REASONS) if self._counts[name]}

    def _left_out(self, omission: Left, path: Path) -> None:
        self._counts["pages"] += 1
        self._counts[omission.reason] += 1
        if not omission.message:
            return
        if not self._skip:
            raise DataError(
                f"{omission.message} (corpus.on_error=skip goes on)", path, omission.line
            )
        if self._counts["too_large_pages"] + self._counts["broken_pages"] <= _WARNINGS:
            log.warning("%s:%d: %s; skipped", path, omission.line, omission.message)

    def _tell(self, seconds: float, size: int) -> None:
        omissions = {reason: self._counts[reason] for reason in REASONS if self._counts[reason]}
        log.info(
            "%s: %d pages, %d articles; left out: %s; %.1f MB of XML, %.1f MB/s, %.0f pages/s",
            self.name,
            self._counts["pages"],
            self._counts["pages"] - sum(omissions.values()),
            ", ".join(f"{n} {why}" for why, n in omissions.items()).replace("_", " ") or "none",
            size / 1e6,
            size / 1e6 / seconds,
            self._counts["pages"] / seconds,
        )


def _batches(pages: Iterator[RawPage | Bad]) -> Iterator[tuple[list[RawPage | Bad], int]]:
    """Pages, some at a time, and how many bytes of XML they are."""
    batch: list[RawPage | Bad] = []
    size = 0
    for page in pages:
        batch.append(page)
        size += len(page.xml) if isinstance(page, RawPage) else 0
        if size >= _BATCH_BYTES or len(batch) >= _BATCH_PAGES:
            yield batch, size
            batch, size = [], 0
    if batch:
        yield batch, size
