"""Cutting on all cores: articles go to processes of their own, passages come back in order.

The processes are started as programs, not forked: threads of this one (the JVM's, torch's) do not
matter, nor does the script that called. They end when this process does, however it ends: their
connection closes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

from qa_bench.errors import UserError
from qa_bench.protocols import Chunker
from qa_bench.types import Article, Passage

_BATCH_CHARACTERS = 250_000
"""Articles are sent together until they have so many: a few hundredths of a second of work."""
_START = (
    "import sys; sys.path[:] = sys.argv[2:]; "
    "from qa_bench.chunker.processes import serve; serve(int(sys.argv[1]))"
)


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
    first = next(batches, [])
    second = next(batches, None) if workers > 1 else None
    if second is None:
        yield from chunker.chunk(_all(first, batches))
        return
    with ExitStack() as stack:
        processes = [stack.enter_context(_Process(chunker)) for _ in range(workers)]
        processes[0].send(first)
        processes[1].send(second)
        sent, received = 2, 0
        for batch in batches:
            passages: list[list[Passage]] = []
            if sent - received == workers:  # its turn is that of the oldest batch
                passages = processes[received % workers].receive()
                received += 1
            processes[sent % workers].send(batch)  # at work while the passages are written
            sent += 1
            yield from passages
        for oldest in range(received, sent):
            yield from processes[oldest % workers].receive()


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


def _all(first: list[Article], batches: Iterator[list[Article]]) -> Iterator[Article]:
    yield from first
    for batch in batches:
        yield from batch


class _Process:
    """A process that cuts what it is sent."""

    def __init__(self, chunker: Chunker) -> None:
        self._connection, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _START, str(theirs.fileno()), *sys.path],
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C is for this process
                env={**os.environ, "TOKENIZERS_PARALLELISM": "false"},  # the cores are taken
            )
        self.send(chunker)

    def send(self, what: Any) -> None:
        """Hand it something; it is waiting for it."""
        try:
            self._connection.send(what)
        except OSError:
            raise self._ended() from None

    def receive(self) -> list[list[Passage]]:
        """The passages of the articles sent last."""
        try:
            answer = self._connection.recv()
        except (EOFError, OSError):
            raise self._ended() from None
        if isinstance(answer, Exception):
            raise answer
        passages: list[list[Passage]] = answer
        return passages

    def _ended(self) -> UserError:
        status = self._process.wait()
        why = f"by signal {-status}; is memory short?" if status < 0 else f"with status {status}"
        return UserError(
            f"a process that chunks ended early, {why} (runtime.threads=1 does without)"
        )

    def __enter__(self) -> _Process:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._process.kill()
        self._process.wait()


def serve(descriptor: int) -> None:
    """Cut what comes through the connection until it is closed; the first thing is the chunker."""
    with Connection(descriptor) as connection, suppress(EOFError, OSError):
        chunker: Chunker = connection.recv()
        while True:
            articles: list[Article] = connection.recv()
            answer: list[list[Passage]] | Exception
            try:
                answer = list(chunker.chunk(articles))
            except Exception as error:
                error.add_note(traceback.format_exc())
                answer = error
            connection.send(answer)
