"""articles ─chunk─► passages."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from qa_bench.engine.context import Context
from qa_bench.engine.shards import Shards
from qa_bench.engine.stage import Stage
from qa_bench.errors import DataError, UserError
from qa_bench.protocols import Chunker, Corpus
from qa_bench.runtime.progress import progress
from qa_bench.stages.chunk_processes import chunk_in_processes
from qa_bench.store.passages import describe_passages, write_passages
from qa_bench.types import Article, Folder, Load, Passage, Step

VERSIONS = {"article": 2, "passage": 1}
"""By what a corpus holds: only passages that were cut here always know their article."""
BYTES_PER_PASSAGE = 640
_PASSAGES_PER_S = 60_000
"""Both from the manifests of benchmarks/whole_line.py, on two cores (408,191 passages)."""
SHARD_PASSAGES = 100_000
"""A shard ends with the first article that brings it to so many passages."""


def chunk(corpus: Corpus, chunker: Chunker, context: Context) -> Stage:
    """The corpus as passages, ``pid`` "1", "2", … in corpus order unless it came with its own.

    Its build raises ``DataError`` for anything wrong in the corpus' files or an id twice, and
    ``UserError`` for no passage at all.
    """
    whole = corpus.unit == "passage"

    def digests() -> dict[str, str]:
        files = context.digests.of(corpus.files())
        return {
            **{f"file{number}": content for number, content in enumerate(files)},
            **corpus.sources(),
            **({} if whole else chunker.sources()),
        }

    def build(folder: Path, inputs: Mapping[str, Folder]) -> dict[str, Any]:
        shards = Shards(folder, "passages", ".arrow")
        notes = shards.finished()
        unique = _UniqueIds()
        with progress(None, "chunk", "articles", context.runtime) as bar:
            articles = unique.checked(corpus.articles(), bar)
            for _ in islice(articles, sum(note["articles"] for note in notes)):
                pass  # chunked before a kill
            groups = _as_they_are(articles) if whole else _cut(chunker, articles, context)
            while (first := next(groups, None)) is not None:
                note: dict[str, int] = {}
                sourced = first[0] != ""
                with shards.write(len(notes), note) as path:
                    shard = chain([first], groups)
                    rows = _one_shard(shard, sum(n["passages"] for n in notes), note)
                    write_passages(
                        path, rows if sourced else (r[:3] for r in rows), sourced=sourced
                    )
                notes.append(note)
        unique.check(corpus)
        totals = {name: sum(note[name] for note in notes) for name in notes[0]} if notes else {}
        if not totals.get("passages"):
            others = "chunker=words keeps short ones, qa-bench list chunker shows all"
            raise UserError(
                f"corpus {corpus.name}: no passage of {totals.get('articles', 0)} articles in "
                f"{_places(corpus.files())}{'' if whole else f': {others}'}"
            )
        describe_passages(folder, [shards.data(n) for n in range(len(notes))])
        return totals | corpus.counts()

    def plan(load: Load) -> Step:
        size = load.passages * BYTES_PER_PASSAGE
        return Step("chunk", size, load.passages / _PASSAGES_PER_S, "0.3 GB")

    return Stage(
        "chunk",
        VERSIONS[corpus.unit],
        corpus.name,
        {"corpus": corpus.identity, "chunker": None if whole else chunker.identity},
        {},
        digests,
        build,
        plan,
    )


def _places(files: Sequence[Path]) -> str:
    return str(files[0]) if len(files) == 1 else f"{len(files)} files, first {files[0]}"


_Group = tuple[str, list[Passage]]
"""An article's id and its passages; no id where ready-made passages do not tell it."""


def _cut(chunker: Chunker, articles: Iterator[Article], context: Context) -> Iterator[_Group]:
    """The passages of each article, made in the way that suits the chunker."""
    ids: deque[str] = deque()  # of articles on their way: a chunker may take several at once

    def noted() -> Iterator[Article]:
        for article in articles:
            ids.append(article.id)
            yield article

    if (groups := chunker.chunk_on(noted(), context.runtime)) is None:
        if chunker.costly:
            groups = chunk_in_processes(chunker, noted(), context.runtime.workers)
        else:
            groups = chunker.chunk(noted())
    for passages in groups:
        yield ids.popleft(), passages


def _as_they_are(articles: Iterator[Article]) -> Iterator[_Group]:
    for pid, title, text, source in articles:
        yield source, [Passage(pid, title, text)]


def _one_shard(
    groups: Iterator[_Group], before: int, note: dict[str, int]
) -> Iterator[tuple[str, ...]]:
    """Rows of one shard, numbered from ``before`` + 1; fills ``note`` with its counts."""
    note |= {"articles": 0, "articles_without_passages": 0, "passages": 0}
    for source, passages in groups:
        note["articles"] += 1
        note["articles_without_passages"] += not passages
        for pid, title, text in passages:
            note["passages"] += 1
            yield pid or str(before + note["passages"]), title, text, source
        if note["passages"] >= SHARD_PASSAGES:
            return


class _UniqueIds:
    """Notices an id that comes twice, at eight bytes an article."""

    def __init__(self) -> None:
        self._hashes = array("Q")

    def checked(self, articles: Iterator[tuple[Article, Path, int]], bar: Any) -> Iterator[Article]:
        for article, path, line in articles:
            if not article.id:
                raise DataError("empty id", path, line)
            self._hashes.append(xxhash.xxh3_64_intdigest(article.id.encode()))
            bar.update()
            yield article

    def check(self, corpus: Corpus) -> None:
        """Raise where two ids were the same, with file and line of the second.

        Raises:
            DataError: they were.
        """
        hashes = np.frombuffer(self._hashes, dtype=np.uint64) if self._hashes else np.array([])
        values, counts = np.unique(hashes, return_counts=True)
        twice = set(values[counts > 1].tolist())
        if not twice:
            return
        ids: set[str] = set()
        for article, path, line in corpus.articles():
            if xxhash.xxh3_64_intdigest(article.id.encode()) in twice:
                if article.id in ids:
                    raise DataError(f"id '{article.id}' is there twice", path, line)
                ids.add(article.id)
