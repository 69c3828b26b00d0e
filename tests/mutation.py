"""Mutated files of every reader: each is read, or refused in a ``UserError``, and soon.

By hand: ``python tests/mutation.py --inputs 200000 [--seed 0] [--only trec]``. It ends
with status 1 if any input did something else, and leaves those inputs in ``--keep``.
"""

from __future__ import annotations

import argparse
import gzip
import json
import logging
import random
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mutation_kinds import KINDS, Kind

from qa_bench.errors import UserError
from qa_bench.formats import json_entries, lines

SECONDS = 5
"""What one input may take: they are small."""

TOKENS = [
    *(b"", b"\n", b"\r\n", b"\r", b"\t", b'"', b'""', b"'", b"\\", b"\\ud800", b"\\u0000", b"\0"),
    *(b"{", b"}", b"[", b"]", b"[" * 3000, b'{"a":' * 3000, b",", b":", b"null", b"true", b"NaN"),
    *(b"Infinity", b"1e999", b"-1e39", b"9" * 5000, b"-0", b"0.1", b"[]", b"{}", b"[null]", b'"x"'),
    *("\ufeff".encode(), "\u2028".encode(), "é".encode(), b"\xff", b"\xed\xa0\x80", b"\xc3"),
    *(
        b"(" * 300,
        b"((((a+)+)+)+)+$",
        b"['a' 'b']",
        b"<page>",
        b"</page>",
        b"&#0;",
        b"&x;",
        b"<!--",
    ),
    *(b"{{" * 500, b"\x1f\x8b", b"q0", b"who is 1", b"answers", b"score", b"inf", b"nan", b"1_0"),
]


def mutated(data: bytes, chance: random.Random) -> bytes:
    """A few changes: bytes flipped, pieces cut, doubled, moved, or put in of what readers fear."""
    made = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        at = chance.randrange(len(made) + 1)
        to = min(len(made), at + chance.choice((0, 1, 1, 2, 5, 20, 200)))
        way = chance.randrange(8)
        if way == 0 and made:
            made[at % len(made)] = chance.randrange(256)
        elif way == 1:
            del made[at:to]
        elif way == 2:
            made[at:at] = made[at:to] * chance.choice((1, 2, 50))
        elif way == 3:
            other = chance.randrange(len(made) + 1)
            made[other:other] = made[at:to]
        elif way == 4:
            del made[at:]
        else:
            made[at : to if way == 5 else at] = chance.choice(TOKENS)
    return bytes(made)


ODD = (None, True, 0, -1, 1.5, 1e39, 10**400, "", " ", "x", "\ud800", "[1]", "['a' 'b']", [], {})
"""Values where others are meant."""


def reshaped(data: bytes, chance: random.Random) -> bytes:
    """JSON, whole or in lines, with a value of another type or a field less; others as they are."""
    try:
        return json.dumps(_reshaped(json.loads(data), chance)).encode()
    except ValueError:
        pass
    rows = data.splitlines()
    if not rows:
        return data
    at = chance.randrange(len(rows))
    try:
        rows[at] = json.dumps(_reshaped(json.loads(rows[at]), chance)).encode()
    except ValueError:
        return data
    return b"\n".join(rows)


def _reshaped(value: Any, chance: random.Random) -> Any:
    places: list[tuple[Any, Any]] = []
    todo = [value]
    while todo:
        node = todo.pop()
        keys = node if isinstance(node, dict) else range(len(node) if isinstance(node, list) else 0)
        places += [(node, key) for key in keys]
        todo += [node[key] for key in keys]
    for node, key in chance.sample(places, min(len(places), chance.choice((1, 1, 2)))):
        way = chance.random()
        if isinstance(node, dict) and way < 0.2:
            node.pop(key, None)
        elif isinstance(node, list) and way < 0.2:
            node.append(chance.choice(node))
        elif isinstance(node, dict) or key < len(node):
            inner = node.get(key) if isinstance(node, dict) else node[key]
            odd = chance.choice(ODD)
            node[key] = chance.choice(([inner], {"a": inner}, odd, odd, odd))
    return value


@dataclass
class Result:
    """What came of it.

    Attributes:
        read: inputs that were read, by kind.
        refused: inputs that were refused, by kind.
        faults: (kind, input, traceback) of what did something else.
    """

    read: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    faults: list[tuple[str, bytes, str]] = field(default_factory=list)


def inputs(count: int, seed: int, kinds: list[Kind]) -> Iterator[tuple[Kind, bytes, bool]]:
    """(kind, content, whether it is packed), the same ones for a seed; first unchanged ones."""
    yield from ((kind, data, False) for kind in kinds for data in kind.seeds)
    chance = random.Random(seed)
    for number in range(count):
        kind = kinds[number % len(kinds)]
        packed = chance.random() < 0.05
        data = chance.choice(kind.seeds)
        if chance.random() < 0.5:
            data = reshaped(data, chance)
        if not packed:
            yield kind, mutated(data, chance) if chance.random() < 0.6 else data, False
        elif chance.random() < 0.5:
            yield kind, gzip.compress(mutated(data, chance), 1), True
        else:
            yield kind, mutated(gzip.compress(data, 1), chance), True


def run(count: int, seed: int, folder: Path, kinds: list[Kind] = KINDS) -> Result:
    """Read so many mutated files, written into a folder."""
    result = Result()
    limits = (lines.LINE_LIMIT, json_entries.LINE_LIMIT)
    lines.LINE_LIMIT = json_entries.LINE_LIMIT = 1 << 20  # small inputs find it too
    before = signal.signal(signal.SIGALRM, _too_long)
    try:
        for kind, data, packed in inputs(count, seed, kinds):
            path = folder / (kind.name + (".gz" if packed else ""))
            path.write_bytes(data)
            _tried(kind, path, data, result)
    finally:
        signal.signal(signal.SIGALRM, before)
        lines.LINE_LIMIT, json_entries.LINE_LIMIT = limits
    return result


class TooLongError(BaseException):
    """An input took too long; nothing that is read catches this."""


def _too_long(number: int, frame: object) -> None:
    raise TooLongError(f"more than {SECONDS} s")


def _tried(kind: Kind, path: Path, data: bytes, result: Result) -> None:
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        kind.read(path)
        result.read[kind.name] += 1
    except UserError as error:
        result.refused[kind.name] += 1
        told = str(error).splitlines()
        if not told or len(told) > 11 or max(map(len, told)) > 2000:
            result.faults.append((kind.name, data, f"a message of {len(told)} lines: {error}"))
    except (Exception, TooLongError):
        result.faults.append((kind.name, data, traceback.format_exc()))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def main(words: list[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="a part of a kind's name")
    parser.add_argument("--keep", type=Path, help="a folder for the inputs that went wrong")
    options = parser.parse_args(words)
    kinds = [kind for kind in KINDS if not options.only or options.only in kind.name]
    warnings.simplefilter("error")
    logging.disable()
    begun = time.perf_counter()
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # many small files, soon gone
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        result = run(options.inputs, options.seed, Path(folder), kinds)
    for kind in kinds:
        read, refused = result.read[kind.name], result.refused[kind.name]
        print(f"{kind.name:18} {read:8} read {refused:8} refused")
    causes: Counter[str] = Counter()
    for number, (name, data, trace) in enumerate(result.faults):
        cause = f"{name}: {trace.strip().splitlines()[-1][:120]}"
        causes[cause] += 1
        if causes[cause] == 1:
            print(f"\n{name}\n{trace}", file=sys.stderr)
        if options.keep:
            options.keep.mkdir(parents=True, exist_ok=True)
            (options.keep / f"{number:05d}-{name}").write_bytes(data)
    for cause, times in causes.most_common():
        print(f"{times:6}  {cause}")
    total = sum((result.read + result.refused).values()) + len(result.faults)
    print(f"{total} inputs, {len(result.faults)} faults, {time.perf_counter() - begun:.0f} s")
    return 1 if result.faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
