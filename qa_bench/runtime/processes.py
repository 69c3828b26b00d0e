"""A function applied to batches by several processes, its results in order.

The processes are started as programs, not forked: threads of this one do not matter, nor does the
script that called. They end when this process does, however it ends: their connection closes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from qa_bench.errors import UserError

_Batch = TypeVar("_Batch")
_Result = TypeVar("_Result")
_START = (
    "import sys; sys.path[:] = sys.argv[2:]; "
    "from qa_bench.runtime.processes import serve; serve(int(sys.argv[1]))"
)


def in_order(
    function: Callable[[_Batch], _Result], batches: Iterable[_Batch], workers: int
) -> Iterator[_Result]:
    """``map(function, batches)``, done by ``workers`` processes; by this one if that is one.

    Each has one batch at a time, so that memory does not grow with their number.

    Raises:
        UserError: a process ended early. What ``function`` raises is raised here.
    """
    if workers <= 1:
        yield from map(function, batches)
        return
    with ExitStack() as stack:
        processes = [stack.enter_context(Process(function)) for _ in range(workers)]
        sent = received = 0
        for batch in batches:
            result: list[_Result] = []
            if sent - received == workers:  # its turn is that of the oldest batch
                result.append(processes[received % workers].receive())
                received += 1
            processes[sent % workers].send(batch)  # at work while the result is used
            sent += 1
            yield from result
        for oldest in range(received, sent):
            yield processes[oldest % workers].receive()


class Process:
    """A process that applies the function to what it is sent."""

    def __init__(self, function: Callable[[Any], Any], without: str = "runtime.threads=1") -> None:
        """Start it.

        Args:
            function: what it applies.
            without: the setting that needs no such process, for messages.
        """
        self._without = without
        self._connection, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _START, str(theirs.fileno()), *sys.path],
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C is for this process
                env={**os.environ, "TOKENIZERS_PARALLELISM": "false"},  # the cores are taken
            )
        self.send(function)

    def send(self, what: Any) -> None:
        """Hand it something; it is waiting for it."""
        try:
            self._connection.send(what)
        except OSError:
            raise self._ended() from None

    def answers(self, seconds: float) -> bool:
        """Whether there is something to receive, or it has ended, after so many seconds at most."""
        return self._connection.poll(seconds)

    def receive(self) -> Any:
        """The result of the batch sent last."""
        try:
            answer = self._connection.recv()
        except (EOFError, OSError):
            raise self._ended() from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _ended(self) -> UserError:
        status = self._process.wait()
        why = f"by signal {-status}; is memory short?" if status < 0 else f"with status {status}"
        return UserError(f"a process that helped ended early, {why} ({self._without} does without)")

    def __enter__(self) -> Process:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it, whatever it does."""
        self._connection.close()
        self._process.kill()
        self._process.wait()


def serve(descriptor: int) -> None:
    """Answer what comes through the connection until it closes; the first thing is the function."""
    with Connection(descriptor) as connection, suppress(EOFError, OSError):
        function = connection.recv()
        while True:
            batch = connection.recv()
            try:
                answer = function(batch)
            except Exception as error:
                error.add_note(traceback.format_exc())
                answer = error
            connection.send(answer)
