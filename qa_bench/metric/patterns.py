r"""Answer patterns, which come with a question set: searched within limits of time.

A pattern such as ``(\w+\s?)+x`` takes a time that doubles with every character, in every engine
that tracks back. The ``regex`` module watches its time itself. Python's own ``re`` does not, and
nothing in its process runs meanwhile: its patterns run in a helper process (``pattern_process``),
which the system ends. It starts with the first pattern, in 10 ms, and costs 10 µs a text.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import regex

from qa_bench.errors import UserError
from qa_bench.metric.pattern_process import HEAD, OPERATIONS

PASSAGE_S = 2.0
"""Seconds of a processor that the patterns of a question may take on one text."""
QUESTION_S = 20.0
"""Seconds that they may take on all texts together; only those count that take ``_SLOW_S``."""
_SLOW_S = 0.01

_FLAGS = int(regex.IGNORECASE | regex.UNICODE | regex.MULTILINE)
_STDLIB_FLAGS = int(re.IGNORECASE | re.UNICODE | re.MULTILINE)
_PROGRAM = Path(__file__).with_name("pattern_process.py")

Span = tuple[int, int]


class Dialect(NamedTuple):
    """A module for patterns, and how it is asked.

    Attributes:
        stdlib: whether it is Python's own ``re``, else ``regex``.
        flags: of the compiler.
    """

    stdlib: bool
    flags: int

    def compiled(self, pattern: str) -> Any:
        """The pattern, compiled; None where it is none: the references let it match nothing."""
        module: Any = re if self.stdlib else regex
        with (
            warnings.catch_warnings(),
            contextlib.suppress(
                module.error, ValueError, OverflowError, RecursionError, MemoryError
            ),
        ):
            warnings.simplefilter("ignore", FutureWarning)  # "possible nested set": valid, too
            return module.compile(pattern, self.flags)


REGEX = Dialect(False, _FLAGS)
"""DPR's and DrQA's: the ``regex`` module, with I, U and M."""
STDLIB = Dialect(True, _STDLIB_FLAGS)
"""Pyserini's: Python's ``re`` with the same flags."""
STDLIB_PLAIN = Dialect(True, int(re.IGNORECASE))
"""FlashRAG's, for predictions."""


class Patterns:
    """The answer patterns of one question that compile, to be looked for in many texts."""

    def __init__(self, patterns: Sequence[str], dialect: Dialect, question: str = "") -> None:
        """Compile them.

        Args:
            patterns: those that do not compile match nothing.
            dialect: whose.
            question: what to call it in an error.
        """
        self._dialect, self._question, self._spent = dialect, question, 0.0
        pairs = ((pattern, dialect.compiled(pattern)) for pattern in patterns)
        self._patterns = [
            (pattern, compiled) for pattern, compiled in pairs if compiled is not None
        ]

    def __len__(self) -> int:
        """How many compile."""
        return len(self._patterns)

    def search(self, text: str) -> bool:
        """Does one occur in the text?

        Raises:
            UserError: it takes longer than ``PASSAGE_S``, or than ``QUESTION_S`` with all texts
                before, or more memory than there is.
        """
        return bool(self._run("search", text))

    def match(self, text: str) -> bool:
        """Does one match from the start of the text? Raises as ``search``."""
        return bool(self._run("match", text))

    def fullmatch(self, text: str) -> bool:
        """Does one match the whole text? Raises as ``search``."""
        return bool(self._run("fullmatch", text))

    def places(self, text: str) -> list[Span]:
        """What all of them match, as ``finditer`` has it. Raises as ``search``."""
        return self._run("finditer", text)

    def _run(self, operation: str, text: str) -> list[Span]:
        """The places of the first that matches; of all with ``finditer``."""
        used = 0.0
        places: list[Span] = []
        for pattern, compiled in self._patterns:
            try:
                if used >= PASSAGE_S:
                    raise TimeoutError
                seconds, several = self._places(
                    operation, pattern, compiled, text, PASSAGE_S - used
                )
            except TimeoutError:
                raise self._refusal(pattern, f"more than {PASSAGE_S:g} s on one text") from None
            except (MemoryError, RecursionError):
                raise self._refusal(pattern, "more memory than there is") from None
            used += seconds
            places += several
            if places and operation != "finditer":
                break
        if used > _SLOW_S:
            self._spent += used
            if self._spent > QUESTION_S:
                raise self._refusal(pattern, f"more than {QUESTION_S:g} s on its texts")
        return places

    def _places(
        self, operation: str, pattern: str, compiled: Any, text: str, seconds: float
    ) -> tuple[float, list[Span]]:
        """Seconds of a processor it took, and the places."""
        if self._dialect.stdlib:
            return _helper().run(operation, pattern, self._dialect.flags, text, seconds)
        begin = time.thread_time()
        if operation == "finditer":
            places = [match.span() for match in compiled.finditer(text, timeout=seconds)]
        else:
            match = getattr(compiled, operation)(text, timeout=seconds)
            places = [match.span()] if match is not None else []
        return time.thread_time() - begin, places

    def _refusal(self, pattern: str, what: str) -> UserError:
        place = f"question {self._question}: " if self._question else ""
        shown = " ".join(pattern.split())
        shown = f"{shown[:150]}…" if len(shown) > 150 else shown
        return UserError(
            f"{place}the answer pattern '{shown}' takes {what}: write it without repetition inside "
            "of repetition, as in (a+)+, and without (?R)"
        )


class _Helper:
    """The process in which ``re`` runs; of this process and its threads."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self._lock = threading.Lock()
        self._process: Any = None

    def run(
        self, operation: str, pattern: str, flags: int, text: str, seconds: float
    ) -> tuple[float, list[Span]]:
        """What ``re`` says: seconds it took, and the places of matches.

        Raises:
            TimeoutError: it took longer.
            MemoryError: it ended by itself.
        """
        texts = [one.encode("utf-8", "surrogatepass") for one in (pattern, text)]
        head = HEAD.pack(OPERATIONS.index(operation), flags, seconds, *map(len, texts))
        with self._lock:
            process: Any = self._process or _started()
            self._process = process
            try:
                process.stdin.write(b"".join((head, *texts)))
                process.stdin.flush()
                line: bytes = process.stdout.readline()
            except BaseException as error:  # half an answer may wait: Ctrl-C, a broken pipe
                self._end(process)
                if isinstance(error, OSError):
                    raise MemoryError from None
                raise
            if not line.endswith(b"\n"):
                code = self._end(process)
                raise TimeoutError if code == _OF_TIME else MemoryError
        took, places = json.loads(line)
        if places is None:
            raise MemoryError
        return took, [(start, end) for start, end in places]

    def _end(self, process: Any) -> int:
        """Its exit status, once it has ended."""
        self._process = None
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1)  # it is ending
        process.kill()
        return int(process.wait())

    def stop(self) -> None:
        """End the process, if this one began it."""
        if self._process is not None and self.owner == os.getpid():
            self._end(self._process)


_OF_TIME = -signal.SIGVTALRM
_the_helper: _Helper | None = None
_making = threading.Lock()


def _helper() -> _Helper:
    global _the_helper
    helper = _the_helper
    if helper is None or helper.owner != os.getpid():  # a fork has one of its own
        with _making:
            helper = _the_helper
            if helper is None or helper.owner != os.getpid():
                helper = _the_helper = _Helper()
                atexit.register(helper.stop)
    return helper


def _started() -> Any:
    command = [sys.executable, "-I", "-S", str(_PROGRAM)]
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError as error:
        raise UserError(f"cannot start Python to search answer patterns ({error})") from error
