"""Passages as Anserini's JSON documents, through named pipes: nothing is written to the disk.

Handing documents one by one through pyjnius took a quarter longer than Anserini takes from files,
and files are a second copy of the corpus. ``IndexCollection`` reads a pipe like any file.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from qa_bench.store.passages import Batch, Passages

WIDTH = 12
"""Digits of a Lucene document id: the passage's row, padded so that text order is corpus order."""

BLANK = r"\A[\x00-\x20]*\z"
"""What matches a text without a visible character: Anserini does not index it."""

_PIPE_SIZE = 1 << 20
"""Bytes a pipe holds: with Linux's 64 kB the two sides wake each other twenty times as often."""

_PATIENCE = 0.2
"""Seconds after which a waiting pipe looks whether there is still somebody to read it."""


@contextmanager
def piped_documents(
    passages: Passages, folder: Path, pipes: int, titles_apart: bool = False
) -> Iterator[None]:
    """Offer all passages in ``folder``, as ``pipes`` files that can be read once, side by side.

    Leaving the context ends the offer, whether everything was read or not, and removes the pipes.

    Args:
        passages: the passages.
        folder: an empty folder.
        pipes: how many files; no more than there are readers, since each waits for its own.
        titles_apart: titles are a field of their own, instead of the first line of the contents.

    Raises:
        Exception: whatever went wrong while the documents were made.
    """
    batches = _Shared(passages.batches())
    over = threading.Event()
    failures: list[Exception] = []

    def feed(path: Path) -> None:
        try:
            _feed(path, batches, over, titles_apart)
        except BrokenPipeError:
            pass  # the reader has given up, and says why itself
        except Exception as error:
            failures.append(error)

    paths = [folder / f"{number:04d}.jsonl" for number in range(pipes)]
    for path in paths:
        os.mkfifo(path)
    threads = [threading.Thread(target=feed, args=(path,), daemon=True) for path in paths]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()
        for path in paths:
            path.unlink()
    if failures:
        raise failures[0]


class _Shared:
    """One iterator for several threads: each batch goes to whoever asks next."""

    def __init__(self, batches: Iterator[Batch]) -> None:
        self._batches, self._lock = batches, threading.Lock()

    def __iter__(self) -> Iterator[Batch]:
        while True:
            with self._lock:
                batch = next(self._batches, None)
            if batch is None:
                return
            yield batch


def _feed(path: Path, batches: Iterable[Batch], over: threading.Event, titles_apart: bool) -> None:
    """Write batches into the pipe until there are none left or the offer is over."""
    pipe = _open_when_read(path, over)
    if pipe is None:
        return
    try:
        for first, _, titles, texts in batches:
            if not _write(pipe, _lines(first, titles, texts, titles_apart), over):
                return
    finally:
        os.close(pipe)


def _open_when_read(path: Path, over: threading.Event) -> int | None:
    """The pipe's writing end once somebody reads it, without blocking; None if nobody ever does."""
    while not over.is_set():
        try:
            pipe = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # ENXIO: no reader yet
            over.wait(0.01)
            continue
        with contextlib.suppress(AttributeError, OSError):  # where the system can and lets us
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_SIZE)
        return pipe
    return None


def _write(pipe: int, lines: memoryview, over: threading.Event) -> bool:
    """Write everything, waiting for the reader; False if the offer was over before that.

    Then the line at hand is still finished, if the reader goes on reading: half a line is an error
    to it, of which it would complain while the user waits for the program to stop.
    """
    ending = False
    while lines:
        if over.is_set() and not ending:
            lines, ending = lines[: bytes(lines).find(b"\n") + 1], True
        try:
            lines = lines[os.write(pipe, lines) :]
        except BlockingIOError:
            _, writable, _ = select.select([], [pipe], [], _PATIENCE)
            if ending and not writable:
                break
    return not ending


def _lines(first: int, titles: pa.Array, texts: pa.Array, titles_apart: bool = False) -> memoryview:
    """A record batch as JSON lines: the row as id, title and text as one field or as two.

    Built column by column in Arrow, outside Python's lock. Only passages with control characters,
    which JSON must escape one by one, go through Python.
    """
    rows = pa.array(np.arange(first, first + len(texts))).cast(pa.string())
    if titles_apart:
        fields = (_escaped(_visible(texts, titles)), '","title":"', _escaped(titles))
    else:
        fields = (_escaped(titles), "\\n", _escaped(texts))
    lines = pc.binary_join_element_wise(
        '{"id":"', pc.utf8_lpad(rows, WIDTH, "0"), '","contents":"', *fields, '"}\n', ""
    )
    _, ends, data = lines.buffers()
    return memoryview(data)[: memoryview(ends).cast("i")[len(lines)]]


def _visible(texts: pa.Array, titles: pa.Array) -> pa.Array:
    """The texts, a full stop for a blank one that has a title: that is no term of any analyzer.

    Anserini leaves out a document without contents, whatever its other fields hold.
    """
    blank = pc.match_substring_regex(texts, BLANK)
    if not pc.any(blank).as_py():
        return texts
    titled = pc.invert(pc.match_substring_regex(titles, BLANK))
    return pc.if_else(pc.and_(blank, titled), ".", texts)


def _escaped(strings: pa.Array) -> pa.Array:
    """The strings as they stand between the quotes of JSON."""
    if pc.any(pc.match_substring_regex(strings, "[\\x00-\\x1f]")).as_py():
        return pa.array([json.dumps(s, ensure_ascii=False)[1:-1] for s in strings.to_pylist()])
    strings = pc.replace_substring(strings, "\\", "\\\\")
    return pc.replace_substring(strings, '"', '\\"')


def while_running(work: Callable[[], None]) -> Iterator[None]:
    """Do ``work`` in a thread of its own and yield now and then, so that Ctrl-C is heard."""
    failures: list[Exception] = []

    def run() -> None:
        try:
            work()
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(timeout=_PATIENCE)
        yield
    if failures:
        raise failures[0]
