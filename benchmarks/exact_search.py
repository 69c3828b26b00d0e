"""Exact dense search: 1,000 questions × 200,000 vectors at depth 100, ours against faiss.

    python benchmarks/exact_search.py [--pairs 5] [--threads 2] [--vectors FOLDER]

Ours streams the vectors' files, mapped and read once before; ``faiss.IndexFlatIP`` has them in
memory. Each run in a fresh process, with a small search before the clock starts. Where the ids
differ, float64 scores tell whether faiss' float32 was the reason.

Vectors have 768 dimensions, a length of 1, and come from a fixed seed; ``--vectors`` names a folder
of an index (``vectors-*.npy``) instead, whose passages, with noise added, are the questions.

Then memory: ``RssAnon`` of our search on fp16 files of the same vectors, and on ten times as many
(hard links of these files).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import common
import numpy as np
from memory import peaks

TARGET = 3.0
MEMORY = 1000
GROWTH = 64
DEPTH = 100
PASSAGES = 200_000
QUESTIONS = 1000
DIMENSION = 768
SHARD = 32_768


class Silent:
    """A progress bar that shows nothing."""

    def update(self, count: int = 1) -> None:
        """Take note of nothing."""


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def make(work: Path) -> Path:
    """The folder of the vectors, made once from a fixed seed."""
    folder = work / "vectors"
    if not (folder / "questions.npy").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        random = np.random.default_rng(7)
        for number, start in enumerate(range(0, PASSAGES, SHARD)):
            shape = (min(SHARD, PASSAGES - start), DIMENSION)
            shard = unit(random.standard_normal(shape, dtype=np.float32))
            np.save(folder / f"vectors-{number:05d}.npy", shard)
        asked = unit(random.standard_normal((QUESTIONS, DIMENSION), dtype=np.float32))
        np.save(folder / "questions.npy", asked)
    return folder


def noisy(work: Path, given: Path) -> Path:
    """A folder with links to a real index' files, and some of its passages as questions."""
    from qa_bench.store.vectors import Vectors

    folder = work / "real"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path in given.glob("vectors-*.npy"):
        (folder / path.name).symlink_to(path.resolve())
    vectors, random = Vectors(folder), np.random.default_rng(7)
    asked = vectors.at(random.choice(len(vectors), QUESTIONS, replace=False))
    noise = random.standard_normal(asked.shape, dtype=np.float32) * 0.5
    asked = unit(unit(asked) + noise / np.float32(np.sqrt(vectors.dimension)))
    np.save(folder / "questions.npy", asked)
    return folder


def half_precision(work: Path, folder: Path, times: int) -> Path:
    """A folder with the vectors as fp16, ``times`` over, by hard links."""
    from qa_bench.store.vectors import Vectors, packed

    first, target = work / "fp16-1", work / f"fp16-{times}"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    shutil.copy(folder / "questions.npy", target)
    if times == 1:
        for number, (_, block) in enumerate(Vectors(folder).blocks(SHARD)):
            np.save(target / f"vectors-{number:05d}.npy", packed(block, "fp16"))
        return target
    shards = sorted(first.glob("vectors-*.npy"))
    for number in range(times * len(shards)):
        os.link(shards[number % len(shards)], target / f"vectors-{number:05d}.npy")
    return target


def search_ours(folder: str, threads: str, out: str) -> Any:
    """Our side, in a process of its own."""
    import qa_bench.retriever.vectors.exact as exact
    from qa_bench.store.vectors import Vectors
    from qa_bench.types import Runtime

    vectors, asked = Vectors(Path(folder)), np.load(Path(folder) / "questions.npy")
    runtime = Runtime(threads=int(threads), device="cpu", progress=False)
    again = 0
    scanned = exact._scanned

    def counted(vectors: Vectors, questions: np.ndarray, *more: Any) -> Any:
        nonlocal again
        again += len(questions)
        return scanned(vectors, questions, *more)

    exact._scanned = counted
    exact.exact_search(vectors, asked[:16], DEPTH, "dot", runtime, Silent())
    for _, stored in vectors.spans(SHARD):
        stored.reshape(-1).view(np.uint8)[::4096].max()  # every page is mapped
    again = 0
    with common.clock() as clock:
        rows, scores = exact.exact_search(vectors, asked, DEPTH, "dot", runtime, Silent())
    np.savez(out, rows=np.stack(rows), scores=np.stack(scores))
    return {"seconds": clock.seconds, "cpu": clock.cpu, "again": again, "passages": len(vectors)}


def search_theirs(folder: str, threads: str, out: str) -> Any:
    """Faiss' side, in a process of its own."""
    import faiss

    from qa_bench.store.vectors import Vectors

    vectors, asked = Vectors(Path(folder)), np.load(Path(folder) / "questions.npy")
    faiss.omp_set_num_threads(int(threads))
    index = faiss.IndexFlatIP(vectors.dimension)
    for _, block in vectors.blocks(SHARD):
        index.add(block)
    index.search(asked[:16], DEPTH)
    with common.clock() as clock:
        scores, rows = index.search(asked, DEPTH)
    np.savez(out, rows=rows, scores=scores)
    return {"seconds": clock.seconds, "cpu": clock.cpu}


def compare(verdict: common.Verdict, folder: Path, mine: Any, peer: Any) -> None:
    """The ids, place by place; others must be as good in float64."""
    from qa_bench.store.vectors import Vectors

    vectors, asked = Vectors(folder), np.load(folder / "questions.npy").astype(np.float64)
    question, place = np.nonzero(mine["rows"] != peer["rows"])
    own, other = (
        (vectors.at(side["rows"][question, place]).astype(np.float64) * asked[question]).sum(1)
        for side in (mine, peer)
    )
    most = float(np.abs(own - other).max(initial=0))
    total = mine["rows"].size
    verdict.same(
        "passages and their order, but for near ties",
        most <= 1e-6,
        f"{len(question)} of {total} places differ, by {most:.1e} at most in float64",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--vectors", type=Path, help="a folder with vectors-*.npy of an index")
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        name, *rest = arguments.one
        print(json.dumps({"ours": search_ours, "theirs": search_theirs}[name](*rest)))
        return
    common.need_peer("faiss", "torch")
    if arguments.vectors and not any(arguments.vectors.glob("vectors-*.npy")):
        common.skip(f"no vectors-*.npy in {arguments.vectors}")
    verdict = common.Verdict(f"exact search: {QUESTIONS} questions at depth {DEPTH}")
    work = common.work_folder("exact_search")
    folder = noisy(work, arguments.vectors) if arguments.vectors else make(work)
    what = f"of {arguments.vectors}" if arguments.vectors else "made from a fixed seed"
    print(f"vectors {what}, {arguments.threads} threads")
    cpu: dict[str, list[float]] = {"ours": [], "theirs": []}

    def side(name: str) -> float:
        told = common.in_fresh_process(
            __file__, name, folder, arguments.threads, work / f"{name}.npz"
        )
        cpu[name].append(told["cpu"])
        more = f"; {told['again']} questions needed a second pass" if name == "ours" else ""
        print(f"  {name}: {told['seconds']:.2f} s, CPU {told['cpu']:.2f} s{more}", flush=True)
        return float(told["seconds"])

    measured = common.pairs(arguments.pairs, lambda: side("ours"), lambda: side("theirs"))
    own, other = common.medians(measured)
    print(f"searching: ours {own:.2f} s, theirs {other:.2f} s")
    own, other = (float(np.median(cpu[name])) for name in ("ours", "theirs"))
    print(f"CPU: ours {own:.2f} s, theirs {other:.2f} s")
    compare(verdict, folder, np.load(work / "ours.npz"), np.load(work / "theirs.npz"))
    verdict.at_least("exact search, theirs / ours", common.median_ratio(measured), TARGET)

    if not Path("/proc/self/status").is_file():
        print("memory: needs Linux's /proc")
        verdict.finish()
    high = []
    for times in (1, 10):
        target = half_precision(work, folder, times)
        start = time.perf_counter()
        command = [sys.executable, __file__, "--one", "ours"]
        high.append(
            peaks([*command, str(target), str(arguments.threads), str(work / "memory.npz")])
        )
        print(
            f"  {times:2} × the vectors as fp16: RssAnon {high[-1]['RssAnon']:.0f} MB, RssFile "
            f"{high[-1]['RssFile']:.0f} MB, {time.perf_counter() - start:.1f} s in all",
            flush=True,
        )
        if times > 1:
            shutil.rmtree(target)
    verdict.at_most("own memory", high[1]["RssAnon"], MEMORY, " MB")
    grown = high[1]["RssAnon"] - high[0]["RssAnon"]
    verdict.at_most("growth of own memory with 10 × the vectors", grown, GROWTH, " MB")
    verdict.finish()


if __name__ == "__main__":
    main()
