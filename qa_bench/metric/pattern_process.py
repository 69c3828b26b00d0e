"""Python's ``re`` in a process of its own, which ends itself where a pattern takes too long.

Run as a program, without anything else of the package: so it starts at once. What it is asked
comes on its standard input (``HEAD``, the pattern, the text); an answer is one line of JSON: the
seconds it took, and the places of what was found, or null where the memory did not suffice.
"""

from __future__ import annotations

import json
import re
import signal
import struct
import sys
import time
from typing import Any

HEAD = struct.Struct("<BIdII")
"""Which of ``OPERATIONS``, flags, seconds, bytes of the pattern and of the text."""
OPERATIONS = ("search", "match", "fullmatch", "finditer")
_MOST_PATTERNS = 10_000


def main() -> None:
    """Answer until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who asks
    questions, answers = sys.stdin.buffer, sys.stdout.buffer
    patterns: dict[tuple[str, int], Any] = {}
    while len(head := questions.read(HEAD.size)) == HEAD.size:
        operation, flags, seconds, *sizes = HEAD.unpack(head)
        pattern, text = (questions.read(n).decode("utf-8", "surrogatepass") for n in sizes)
        # Of this process' own time, so that a busy machine makes no pattern slow. Nobody handles
        # the signal: it ends the process, wherever that is.
        begin = time.process_time()
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
        try:
            compiled = patterns.get((pattern, flags))
            if compiled is None:
                if len(patterns) >= _MOST_PATTERNS:
                    patterns.clear()
                compiled = patterns[pattern, flags] = re.compile(pattern, flags)
            matches: Any = getattr(compiled, OPERATIONS[operation])(text)
            if OPERATIONS[operation] != "finditer":
                matches = [matches] if matches is not None else []
            places = [match.span() for match in matches]
        except (MemoryError, RecursionError):
            places = None
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        answers.write(json.dumps([time.process_time() - begin, places]).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    main()
