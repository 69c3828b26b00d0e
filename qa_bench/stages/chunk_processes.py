"""Cutting on all cores: articles go to processes of their own, passages come back in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice

from qa_bench.protocols import Chunker
from qa_bench.runtime.processes import in_order
from qa_bench.types import Article, Passage

_BATCH_CHARACTERS = 250_000
"""Articles are sent together until they have so many: a few hundredths of a second of work."""


@dataclass(frozen=True)
class _Cut:
    """What a process does with a batch."""

    chunker: Chunker

    def __call__(self, articles: list[Article]) -> list[list[Passage]]:
        return list(self.chunker.chunk(articles))


def chunk_in_processes(
    chunker: Chunker, articles: Iterable[Article], workers: int
) -> Iterator[list[Passage]]:
    """What ``chunker.chunk(articles)`` yields, made by ``workers`` processes.

    Each has one batch of articles at a time, so that memory does not grow with the corpus. One
    worker, or a corpus of one batch, is cut in this process.

    Raises:
        UserError: a process ended early. What the chunker raises is raised here.
    """
    batches = _batches(articles)
    first = list(islice(batches, 2))
    if workers <= 1 or len(first) < 2:
        yield from chunker.chunk(chain.from_iterable(chain(first, batches)))
        return
    for passages in in_order(_Cut(chunker), chain(first, batches), workers):
        yield from passages


def _batches(articles: Iterable[Article]) -> Iterator[list[Article]]:
    batch: list[Article] = []
    characters = 0
    for article in articles:
        batch.append(article)
        characters += len(article.text)
        if characters >= _BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
