"""Kills, damage, full and read-only disks and crowds, at random, and whether the figures stay.

    python tests/chaos.py [--seconds 240] [--seed 1] [--only KIND] [--quick]

Every try begins with a folder of its own and a line over a tiny corpus. What is left after a fault
is finished by the same command, and must then be, byte for byte, what an undisturbed run makes;
times may differ, and Lucene's own ids. A fault that cannot be mended so must be one line and exit
status 2. ``--quick`` leaves out the retrievers, which need Java and torch. Tries and failures are
printed; the exit status is 1 where there are failures.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from disturbed import (
    at_event,
    begin,
    end,
    kill_self,
    may_mount,
    mount_read_only,
    mount_small,
    no_space,
    prepare,
    run,
)

TOWNS = ("Oslo", "Bergen", "Hamar", "Narvik", "Molde", "Skien")
CORPUS = ("corpus=jsonl", "corpus.path=articles.jsonl", "chunker=words", "chunker.size=20")
QUESTIONS = ("dataset=file", "dataset.path=questions.jsonl", "name=x", "runtime.threads=1")
LINES: dict[str, tuple[str, ...]] = {
    "import": ("score", *CORPUS, *QUESTIONS, "run=hits.trec", "reader=redundancy", "depth=10"),
    "dense": ("run", *CORPUS, *QUESTIONS, "retriever=minilm", "reader=redundancy", "depth=10"),
    "hybrid": ("run", *CORPUS, *QUESTIONS, "retriever=hybrid_rrf", "depth=10"),
}
QUICK = ("import",)
VARYING = ("started", "wall_s", "peak_rss_mb", "runtime", "xxh3")
"""Fields of a manifest that another run of the same has otherwise."""


def write_inputs(folder: Path) -> None:
    """240 passages, 12 questions, and a run of them."""
    articles, questions, hits = [], [], []
    for n in range(120):
        town = f"{TOWNS[n % 6]} {n}"
        text = f"The town {town} has {n * 7} bridges and a mill built in {1800 + n}. "
        articles.append({"id": f"a{n}", "title": town, "text": text * (1 + n % 4)})
    for n in range(0, 120, 10):
        asked = f"How many bridges has {TOWNS[n % 6]} {n}?"
        questions.append({"id": f"q{n}", "question": asked, "answers": [str(n * 7)]})
        hits += [f"q{n} Q0 {1 + (n + 7 * k) % 200} {k + 1} {9 - k / 2} r\n" for k in range(10)]
    for name, rows in (("articles", articles), ("questions", questions)):
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text)
    (folder / "hits.trec").write_text("".join(hits))


# What must be the same


def outcome(folder: Path) -> dict[str, Any]:
    """All that stages and results hold, but times and what Lucene draws by lot."""
    found: dict[str, Any] = {}
    for path in sorted(folder.glob("data/cache/*/**/*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or name.endswith(".lock") or name.startswith("data/cache/hydra"):
            continue
        if path.name == "manifest.json":
            manifest = {k: v for k, v in json.loads(path.read_text()).items() if k not in VARYING}
            manifest["counts"].pop("seconds", None)
            for output in [o for o in manifest["outputs"] if o.startswith("lucene/")]:
                del manifest["outputs"][output]
            found[name] = manifest
        elif "/lucene/" not in name:
            found[name] = path.read_bytes()
    for path in sorted(folder.glob("results/**/*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".json":
            found[name] = json.loads(path.read_text())
            del found[name]["predicate"]["runDetails"]
        elif path.parent.name == "results" and path.suffix == ".csv":
            with path.open(newline="") as file:
                rows = list(csv.DictReader(file))
            found[name] = [{k: v for k, v in row.items() if "/" in k} for row in rows]
        elif path.is_file() and path.suffix not in (".md", ".html", ".lock"):
            found[name] = path.read_bytes()
    return found


def stages(folder: Path) -> list[Path]:
    return [path.parent for path in folder.glob("data/cache/*/[!.]*/manifest.json")]


# The faults


@dataclass
class Chaos:
    """Tries and failures; each fault takes a random generator, a line and a folder of its own."""

    root: Path
    random: random.Random
    names: tuple[str, ...]
    expected: dict[str, dict[str, Any]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    events: dict[str, int] = field(default_factory=dict)
    tries: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def undisturbed(self) -> None:
        """What each line makes when nothing gets in the way."""
        for name in self.names:
            folder = self.root / f"undisturbed-{name}"
            folder.mkdir()
            write_inputs(folder)
            count = folder / "events.txt"
            clock = time.monotonic()
            done = run(folder, LINES[name], partial(at_event, 0, int, count))
            if done.status:
                sys.exit(f"{name} fails undisturbed:\n{done.told}")
            self.seconds[name] = time.monotonic() - clock
            self.events[name] = len(count.read_bytes())
            count.unlink()
            self.expected[name] = outcome(folder)

    def fresh(self, name: str, finished: bool = False) -> Path:
        folder = Path(tempfile.mkdtemp(dir=self.root))
        if finished:
            shutil.rmtree(folder)
            shutil.copytree(self.root / f"undisturbed-{name}", folder)
        else:
            write_inputs(folder)
        return folder

    def check(self, kind: str, good: bool, why: Callable[[], str]) -> bool:
        if not good:
            self.failures.append(f"{kind}: {why()}")
            print(f"FAILED {self.failures[-1]}", flush=True)
        return good

    def finished(self, kind: str, name: str, folder: Path) -> None:
        """The same command goes on to the end, and leaves what an undisturbed run leaves."""
        from qa_bench.cli.verify_cache import problem_of

        for stage in stages(folder):
            problem = problem_of(stage)
            self.check(kind, problem is None, lambda problem=problem: f"not whole: {problem}")
        done = run(folder, LINES[name])
        if self.check(kind, done.status == 0, lambda: f"{name} again: {done}"):
            found, expected = outcome(folder), self.expected[name]
            differing = [
                file for file in {*found, *expected} if found.get(file) != expected.get(file)
            ]
            self.check(kind, not differing, lambda: f"{name}: {sorted(differing)} differ")

    # Each a try

    def kill(self, kind: str, name: str) -> None:
        """SIGKILL or Ctrl-C, at a moment or at an event of the file system, twice in a row."""
        folder = self.fresh(name)
        for _ in range(self.random.choice((1, 2))):
            how = self.random.choice((signal.SIGKILL, signal.SIGINT))
            if self.random.random() < 0.4:
                child = begin(folder, LINES[name])
                time.sleep(self.random.uniform(0, self.seconds[name]))
                os.kill(child, how)
                done = end(folder, child)
            else:
                at = self.random.randrange(1, self.events[name] + 1)
                done = run(folder, LINES[name], partial(at_event, at, kill_self(how)))
            ends = (0, -how if how == signal.SIGKILL else 130)
            good = done.status in ends and done.clean
            self.check(kind, good, partial("{} {}: {}".format, name, how, done))
            if how == signal.SIGKILL and self.random.random() < 0.3:
                self.spoil_unfinished(folder)
        self.finished(kind, name, folder)

    def spoil_unfinished(self, folder: Path) -> None:
        """What a power cut may leave in a folder that is not finished."""
        files = [p for p in folder.glob("data/cache/*/.*.partial/**/*") if p.is_file()]
        if files:
            damage(self.random.choice(sorted(files)), self.random)

    def damage(self, kind: str, name: str) -> None:
        """A file of a finished folder is spoilt: one line; without the folder all is made again."""
        folder = self.fresh(name, finished=True)
        from qa_bench.engine import integrity

        files = [p for stage in stages(folder) for p in stage.rglob("*") if p.is_file()]
        path = self.random.choice(sorted(files))
        before = path.read_bytes()
        how = damage(path, self.random)
        stage = next(stage for stage in [*stages(folder), path.parent] if stage in path.parents)
        told = f"{name}: {how} {path.relative_to(folder)}"
        if path.exists() and path.read_bytes() == before:
            return
        late = self.random.random() < 0.4  # as if the file were too large to be hashed at reuse
        if late:
            above = ("score", "read", "fuse") if stage.parent.name != "score" else ()
            for later in [p for n in above for p in folder.glob(f"data/cache/{n}/[!.]*")]:
                if later != stage:
                    shutil.rmtree(later)
            shutil.rmtree(folder / "results", ignore_errors=True)
            done = run(folder, LINES[name], lambda: setattr(integrity, "HASHED_BYTES", -1))
        else:
            done = run(folder, LINES[name])
        rebuilt = done.status == 0 and path.name == "manifest.json" and not before_exists(how)
        if not rebuilt and not (late and done.status == 0):
            says = "delete" in done.told and stage.name in done.told
            self.check(kind, done.status == 2 and done.clean and says, lambda: f"{told}: {done}")
        if late and not rebuilt:
            verify = run(folder, ("verify-cache",))
            says = stage.name in verify.told
            self.check(kind, verify.status == 2 and says, lambda: f"{told}, verify: {verify}")
            for later in [p for n in ("score", "read", "fuse", "search") for p in
                          folder.glob(f"data/cache/{n}/[!.]*")]:  # fmt: skip
                shutil.rmtree(later)
        if not rebuilt:
            shutil.rmtree(stage, ignore_errors=True)
        self.finished(kind, name, folder)

    def full(self, kind: str, name: str) -> None:
        """No space from some moment on: a small disk where one may be mounted, else an error."""
        folder = self.fresh(name)
        (folder / "data").mkdir()
        size = self.random.randrange(4, 600)
        at = self.random.randrange(1, self.events[name] + 1)
        small = may_mount() and self.random.random() < 0.5
        before = (lambda: mount_small(size)) if small else (lambda: at_event(at, no_space))
        done = run(folder, LINES[name], before)
        good = done.clean and (done.status == 0 or (done.status == 2 and "space" in done.told))
        self.check(kind, good, lambda: f"{name} {f'{size} KB' if small else f'event {at}'}: {done}")
        self.finished(kind, name, folder)

    def read_only(self, kind: str, name: str) -> None:
        """A finished cache that may only be read gives the same; an unfinished one is refused."""
        if not may_mount():
            return
        folder = self.fresh(name, finished=True)
        shutil.rmtree(folder / "results")
        gone = self.random.choice(sorted(stages(folder)))
        if missing := self.random.random() < 0.5:
            shutil.rmtree(gone)
        done = run(folder, LINES[name], mount_read_only)
        good = done.clean and done.status == (2 if missing else 0)
        self.check(
            kind, good, lambda: f"{name} {f'without {gone.name}' if missing else ''}: {done}"
        )
        self.finished(kind, name, folder)

    def crowd(self, kind: str, name: str) -> None:
        """Eight processes begin at once on one cache: each stage is built once."""
        folder = self.fresh(name)
        children = [begin(folder, LINES[name]) for _ in range(8)]
        states = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        told = (folder / "told.txt").read_text(errors="replace")
        built = Counter(line.split(" (")[0] for line in told.splitlines() if ": building" in line)
        good = states == [0] * 8 and set(built.values()) <= {1} and "Traceback" not in told
        self.check(kind, good, lambda: f"{name}: {states} {built} {told[-1500:]}")
        (folder / "told.txt").unlink()
        self.finished(kind, name, folder)


def before_exists(how: str) -> bool:
    """Whether a damaged file is still there."""
    return how != "delete"


def damage(path: Path, chance: random.Random) -> str:
    """Spoil a file in one of five ways; return which."""
    content = bytearray(path.read_bytes())
    how = chance.choice(("truncate", "zeros", "flip", "delete", "append"))
    if how == "delete":
        path.unlink()
        return how
    at = chance.randrange(len(content)) if content else 0
    if how == "truncate":
        del content[at:]
    elif how == "zeros":
        content[at : at + 4096] = bytes(len(content[at : at + 4096]))
    elif how == "flip" and content:
        content[at] ^= 1 << chance.randrange(8)
    else:
        content += bytes(chance.randrange(1, 100))
    path.write_bytes(content)
    return how


KINDS = ("kill", "kill", "kill", "kill", "damage", "damage", "damage", "full", "read_only", "crowd")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=sorted(set(KINDS)))
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    libraries = ("hydra.main", "pyarrow.parquet", "qa_bench.line.line")
    prepare(libraries if arguments.quick else (*libraries, "sentence_transformers"))
    names = QUICK if arguments.quick else tuple(LINES)
    deadline = time.monotonic() + arguments.seconds
    with tempfile.TemporaryDirectory(prefix="chaos-") as root:
        chaos = Chaos(Path(root), random.Random(arguments.seed), names)
        chaos.undisturbed()
        while time.monotonic() < deadline:
            kind = arguments.only or chaos.random.choice(KINDS)
            # The short line more often: it has most of the stages.
            name = chaos.random.choice((*names, names[0], names[0]))
            if kind == "crowd":
                name = names[0]
            chaos.tries[kind] += 1
            getattr(chaos, kind)(kind, name)
    for kind, count in sorted(chaos.tries.items()):
        failed = sum(failure.startswith(f"{kind}:") for failure in chaos.failures)
        print(f"{kind}: {count} tries, {failed} failures")
    print(f"seed {arguments.seed}: {chaos.tries.total()} tries, {len(chaos.failures)} failures")
    return 1 if chaos.failures else 0


if __name__ == "__main__":
    sys.exit(main())
