"""Results of several processes come in order, and no process outlives who asked for it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from qa_bench.errors import DataError, UserError
from qa_bench.runtime.processes import in_order

ROOT = Path(__file__).parents[3]


def failing(batch: int) -> int:
    if batch == 5:
        raise DataError("five", "file", 5)
    if batch == 7:
        os._exit(3)
    return batch * batch


def test_results_come_in_order() -> None:
    assert list(in_order(str.upper, iter("abcdefgh"), 3)) == list("ABCDEFGH")
    assert list(in_order(str.upper, iter(""), 3)) == []


def test_memory_does_not_grow_with_the_batches() -> None:
    drawn = 0

    def many() -> Iterator[str]:
        nonlocal drawn
        for number in range(1000):
            drawn += 1
            yield str(number)

    results = in_order(str.upper, many(), 2)
    for taken in range(1, 20):
        next(results)
        assert drawn - taken <= 3
    results.close()


def test_what_goes_wrong_in_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    from test_processes import failing as there  # as the processes find it

    results = in_order(there, iter(range(9)), 2)
    assert [next(results) for _ in range(5)] == [0, 1, 4, 9, 16]
    with pytest.raises(DataError, match="file:5: five"):
        next(results)
    results = in_order(there, iter([7]), 2)
    with pytest.raises(UserError, match="ended early, with status 3"):
        next(results)


def test_processes_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    """They notice that the connection closes, even where nobody could tell them."""
    script = (
        "import os, signal, sys\n"
        "from qa_bench.runtime.processes import Process\n"
        "one = Process(str.upper)\n"
        "one.send('a'); one.receive()\n"
        "print(one._process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    child = int(done.stdout)
    for _ in range(100):
        status = Path(f"/proc/{child}/stat")
        if not status.exists() or status.read_text().split()[2] == "Z":
            return
        time.sleep(0.1)
    raise AssertionError("still there")
