"""The cache of replies: nothing twice, nothing lost, nothing that must not be in it."""

from __future__ import annotations

import multiprocessing
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_bench.errors import UserError
from qa_bench.lm.cache import ReplyCache, kept_or_asked
from qa_bench.types import Reply, Request, Runtime

QUIET = Runtime(progress=False)


class Model:
    """Replies with the prompt and the number of the draw; fails where told."""

    def __init__(self, *failing: str) -> None:
        self.failing = failing
        self.asked: list[Request] = []

    def __call__(self, requests: Sequence[Request]) -> Iterator[tuple[int, Reply]]:
        for place, request in reversed(list(enumerate(requests))):
            self.asked.append(request)
            error = "no" if request.prompt in self.failing else None
            text = "" if error else f"{request.prompt}/{request.draw}"
            yield place, Reply(text, 3, 2, error)


def texts(replies: list[Reply]) -> list[str]:
    return [reply.text for reply in replies]


@given(
    first=st.lists(st.sampled_from("abcd"), max_size=8),
    second=st.lists(st.sampled_from("abcd"), max_size=8),
    draws=st.booleans(),
)
def test_asked_once(
    first: list[str], second: list[str], draws: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path, model = tmp_path_factory.mktemp("cache") / "replies.sqlite", Model()
    for prompts in (first, second):
        replies = kept_or_asked(prompts, {"model": "m"}, draws, path, model, QUIET)
        seen: dict[str, int] = {}
        for prompt, reply in zip(prompts, replies, strict=True):
            assert reply == (f"{prompt}/{seen.get(prompt, 0) if draws else 0}", 3, 2, None)
            seen[prompt] = seen.get(prompt, 0) + 1
    assert len(model.asked) == len(set(model.asked))
    most = {p: max(first.count(p), second.count(p)) if draws else 1 for p in {*first, *second}}
    assert len(model.asked) == sum(most.values())


def test_failures_are_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    good, bad = kept_or_asked(["a", "b"], {}, False, path, Model("b"), QUIET)
    assert (good.error, bad.error) == (None, "no")
    again = Model()
    assert texts(kept_or_asked(["a", "b"], {}, False, path, again, QUIET)) == ["a/0", "b/0"]
    assert again.asked == [("b", 0)]
    with pytest.raises(UserError, match="no reply at all: no"):
        kept_or_asked(["c", "d"], {}, False, path, Model("c", "d"), QUIET)


def test_no_cache() -> None:
    model = Model()
    for _ in range(2):
        kept_or_asked(["a"], {}, False, None, model, QUIET)
    assert len(model.asked) == 2
    assert kept_or_asked([], {}, False, None, model, QUIET) == []


def test_what_was_sent_is_not_in_it(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"

    def ask(requests: Sequence[Request]) -> Iterator[tuple[int, Reply]]:
        yield 0, Reply("yes")

    kept_or_asked(["the prompt"], {"model": "the-model"}, False, path, ask, QUIET)
    content = path.read_bytes()
    assert b"yes" in content
    assert b"the prompt" not in content
    assert b"the-model" not in content


def test_odd_texts(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    odd = ["a\x00b", "\ud800", "日本\u2028", ""]
    for prompt in odd:
        for _ in range(2):
            [reply] = kept_or_asked(
                [prompt], {}, False, path, lambda r: iter([(0, Reply(r[0].prompt))]), QUIET
            )
            assert reply.text == prompt.replace("\ud800", "?")


def test_what_came_before_an_error_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"

    def breaks(requests: Sequence[Request]) -> Iterator[tuple[int, Reply]]:
        yield 0, Reply("first")
        yield 1, Reply("second")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept_or_asked(["a", "b", "c"], {}, False, path, breaks, QUIET)
    model = Model()
    replies = kept_or_asked(["a", "b", "c"], {}, False, path, model, QUIET)
    assert texts(replies) == ["first", "second", "c/0"]


def test_what_came_before_a_kill_is_kept(tmp_path: Path) -> None:
    script = """
import os, signal, sys, time
from pathlib import Path
from qa_bench.lm.cache import kept_or_asked
from qa_bench.types import Reply
from qa_bench.types import Runtime
def ask(requests):
    yield 0, Reply("kept")
    os.kill(os.getpid(), signal.SIGKILL)
kept_or_asked(["a", "b"], {}, False, Path(sys.argv[1]), ask, Runtime(progress=False))
"""
    path = tmp_path / "replies.sqlite"
    done = subprocess.run([sys.executable, "-c", script, str(path)])
    assert done.returncode == -signal.SIGKILL
    model = Model()
    assert texts(kept_or_asked(["a", "b"], {}, False, path, model, QUIET)) == ["kept", "b/0"]


def _fill(path: Path, start: int) -> None:
    for number in range(start, start + 40):
        with ReplyCache(path) as cache:
            cache.keep(f"key {number}", Reply(f"text {number}"))


def test_several_processes(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_fill, args=(path, start)) for start in (0, 20, 40)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    with ReplyCache(path) as cache:
        found = cache.find([f"key {number}" for number in range(2000)])
    assert {key: reply.text for key, reply in found.items()} == {
        f"key {number}": f"text {number}" for number in range(80)
    }


def test_a_file_that_is_no_cache(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    path.write_text("something else " * 100)
    with pytest.raises(UserError, match=rf"{path}: the cache of replies cannot be used"):
        kept_or_asked(["a"], {}, False, path, Model(), QUIET)
    other = tmp_path / "other.sqlite"
    base = sqlite3.connect(other)
    base.execute("CREATE TABLE replies (other TEXT)")
    base.close()
    with pytest.raises(UserError, match="cannot be used"):
        kept_or_asked(["a"], {}, False, other, Model(), QUIET)
    with pytest.raises(UserError, match="cannot be used"):
        kept_or_asked(["a"], {}, False, path / "below", Model(), QUIET)
