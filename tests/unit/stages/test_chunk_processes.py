from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from qa_bench.chunker.sentences import Sentences
from qa_bench.errors import DataError, UserError
from qa_bench.stages import chunk_processes as processes
from qa_bench.stages.chunk_processes import chunk_in_processes
from qa_bench.types import Article, Passage


class Telling:
    """Says in which process it cut, and does what a title asks for."""

    def chunk(self, articles: Iterable[Article]) -> Iterator[list[Passage]]:
        for article in articles:
            if article.title == "data":
                raise DataError("it is bad", "file", 7)
            if article.title == "bug":
                raise ZeroDivisionError("it divides")
            if article.title == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            yield [Passage("", article.id, str(os.getpid()))]


def articles(count: int, title: str = "") -> list[Article]:
    text = "One is here. Two is there. " * 300
    return [Article(str(number), title or f"T{number}", text) for number in range(count)]


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_BATCH_CHARACTERS", 20_000)


@pytest.mark.parametrize("workers", [2, 3])
@pytest.mark.parametrize("count", [0, 1, 3, 6, 7, 50])
def test_the_same_passages_in_the_same_order(count: int, workers: int) -> None:
    several = articles(count)
    expected = list(Sentences().chunk(several))
    assert list(chunk_in_processes(Sentences(), iter(several), workers)) == expected


def test_every_worker_cuts() -> None:
    found = list(chunk_in_processes(Telling(), articles(40), 3))
    assert [passage.title for (passage,) in found] == [str(number) for number in range(40)]
    workers = {passage.text for (passage,) in found}
    assert len(workers) == 3
    assert str(os.getpid()) not in workers


@pytest.mark.parametrize(("count", "workers"), [(2, 4), (40, 1)])
def test_little_work_or_one_worker_stays_here(count: int, workers: int) -> None:
    found = list(chunk_in_processes(Telling(), articles(count), workers))
    assert {passage.text for (passage,) in found} == {str(os.getpid())}


def test_few_articles_are_read_ahead() -> None:
    read = []

    def counted() -> Iterator[Article]:
        for article in articles(100):
            read.append(article)
            yield article

    for number, _ in enumerate(chunk_in_processes(Sentences(), counted(), 2)):
        assert len(read) <= number + 3 * 4  # two batches at work, one read; three articles each


@pytest.mark.parametrize(
    ("title", "kind", "message"),
    [
        ("data", DataError, "file:7: it is bad"),
        ("bug", ZeroDivisionError, "it divides"),
        ("killed", UserError, "a process that helped ended early, by signal 9; is memory short"),
    ],
)
def test_what_goes_wrong_there_is_told_here(title: str, kind: type, message: str) -> None:
    several = [*articles(20), *articles(1, title), *articles(20)]
    with pytest.raises(kind, match=message):
        list(chunk_in_processes(Telling(), several, 2))


def running(pids: Iterable[str]) -> bool:
    """Whether one of them is there, and not only waited for."""
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z":
                return True
    return False


def test_no_process_is_left_behind() -> None:
    found = chunk_in_processes(Telling(), articles(60), 2)
    pids = {next(found)[0].text for _ in range(30)}
    assert running(pids)
    found.close()
    assert not running(pids)


def test_they_end_with_the_process_that_started_them() -> None:
    script = (
        "import sys, time; sys.path.insert(0, sys.argv[1])\n"
        "from test_chunk_processes import *\n"
        "found = chunk_in_processes(Telling(), articles(2000), 2)\n"
        "print(*{next(found)[0].text for _ in range(300)}, flush=True)\n"
        "time.sleep(60)\n"
    )
    command = [sys.executable, "-c", script, str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        pids = started.stdout.readline().split()
        assert len(pids) == 2
        assert running(pids)
        started.kill()
    until = time.monotonic() + 30
    while running(pids) and time.monotonic() < until:
        time.sleep(0.05)
    assert not running(pids)
