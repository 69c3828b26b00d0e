"""Replies on disk: what was asked once is not asked again, by no process.

One SQLite file. A reply is found by a hash of the model, its settings and the prompt; neither
prompts nor anything else that was sent to a server are in it.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from qa_bench.engine.digests import digest
from qa_bench.errors import UserError
from qa_bench.runtime.progress import progress
from qa_bench.types import Prompt, Reply, Request, Runtime

log = logging.getLogger(__name__)

_PATIENCE_S = 60.0
"""How long another process may be writing."""
_FLUSH_S = 0.5
"""A reply that came longer than this after the last write is written at once, with those before."""
_KEYS_AT_ONCE = 500
_FIND = "SELECT key, text, prompt_tokens, completion_tokens FROM replies WHERE key IN (?)"

Ask = Callable[[Sequence[Request]], Iterator[tuple[int, Reply]]]
"""Asks a model: (place in the requests, reply), as replies come."""


class ReplyCache:
    """Replies by key; a context manager. Several processes may use one file."""

    def __init__(self, path: Path) -> None:
        """Open ``path``, or begin it.

        Raises:
            UserError: it is no such file, or cannot be written.
        """
        self._path = path
        self._waiting: list[tuple[str, str, int, int]] = []
        self._flushed = 0.0
        with self._one_line():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._base = sqlite3.connect(path, timeout=_PATIENCE_S, isolation_level=None)
        try:
            with self._one_line():
                self._base.execute(
                    "CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, text TEXT NOT NULL,"
                    " prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL)"
                    " WITHOUT ROWID"
                )
        except BaseException:
            self._base.close()
            raise

    def find(self, keys: Sequence[str]) -> dict[str, Reply]:
        """The replies that are kept."""
        replies: dict[str, Reply] = {}
        for first in range(0, len(keys), _KEYS_AT_ONCE):
            some = keys[first : first + _KEYS_AT_ONCE]
            marks = ",".join("?" * len(some))
            with self._one_line():
                rows = self._base.execute(_FIND.replace("?", marks), some).fetchall()
            replies.update({key: Reply(*rest) for key, *rest in rows})
        return replies

    def keep(self, key: str, reply: Reply) -> None:
        """Keep a reply; it is on the disk within moments, however busy the model is."""
        self._waiting.append((key, *reply[:3]))
        if time.monotonic() - self._flushed > _FLUSH_S:
            self._flush()

    def _flush(self) -> None:
        with self._one_line():
            self._base.execute("BEGIN IMMEDIATE")
            with self._base:
                self._base.executemany(
                    "INSERT OR REPLACE INTO replies VALUES (?, ?, ?, ?)", self._waiting
                )
        self._waiting, self._flushed = [], time.monotonic()

    def __enter__(self) -> ReplyCache:
        """As it is."""
        return self

    def __exit__(self, *_: object) -> None:
        """Write what waits, also after an error or Ctrl-C."""
        try:
            if self._waiting:
                self._flush()
        finally:
            self._base.close()

    @contextlib.contextmanager
    def _one_line(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise UserError(
                f"{self._path}: the cache of replies cannot be used ({error}); free space, wait "
                "for other processes, or move the file away"
            ) from error


def kept_or_asked(
    prompts: Sequence[Prompt],
    identity: Mapping[str, Any],
    draws: bool,
    cache: Path | None,
    ask: Ask,
    runtime: Runtime,
) -> list[Reply]:
    """One reply a prompt: from the cache, else from the model, and then kept. No failure is kept.

    Args:
        prompts: what to ask.
        identity: all that decides a reply beside the prompt: the model and its settings.
        draws: whether replies are drawn: the same prompt again is another draw then, and
            the same request otherwise.
        cache: the file of replies; None to keep none.
        ask: asks the model.
        runtime: whether to show progress.

    Raises:
        UserError: every prompt failed; or the cache cannot be used.
    """
    times: dict[Prompt, int] = {}
    requests = []
    for prompt in prompts:
        requests.append(Request(prompt, times.get(prompt, 0) if draws else 0))
        times[prompt] = requests[-1].draw + 1
    keys = {one: digest([dict(identity), one.prompt, one.draw]) for one in dict.fromkeys(requests)}
    replies: dict[Request, Reply] = {}
    with ReplyCache(cache) if cache is not None else contextlib.nullcontext() as cache_file:
        if cache_file is not None:
            earlier = cache_file.find(list(keys.values()))
            replies = {one: earlier[key] for one, key in keys.items() if key in earlier}
        missing = [one for one in keys if one not in replies]
        if replies:
            log.info("replies: %s kept, %s to ask for", f"{len(replies):,}", f"{len(missing):,}")
        with progress(len(missing), "generate", "replies", runtime) as bar:
            for place, reply in ask(missing) if missing else ():
                # Lone surrogates, which JSON may hold, can be neither kept nor written.
                text = reply.text.encode("utf-8", "replace").decode()
                replies[missing[place]] = reply = reply._replace(text=text)
                bar.update(1)
                if cache_file is not None and reply.error is None:
                    cache_file.keep(keys[missing[place]], reply)
    answered = [replies[one] for one in requests]
    if answered and all(reply.error is not None for reply in answered):
        raise UserError(f"the language model gave no reply at all: {answered[0].error}")
    return answered
