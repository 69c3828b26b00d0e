"""Exact MaxSim: 1,000 questions × 10,000 passages at depth 100, ours against a loop over passages.

    python benchmarks/maxsim.py [--threads 2] [--questions 1000] [--passages 10000] [--loop 20]

The loop is what is written first: of one question after the other, for each passage, the products
of its tokens with the question's, the largest for each of these, their sum; torch, the vectors in
memory as float32. It is timed on ``--loop`` questions spread over the set, as its time grows with
their number and nothing else. Ours reads int8 files, and its scores are those of float64. The floor
is the products alone, of the same tiles and blocks, with nothing done to them.

Passages have 60 to 180 vectors of 128 dimensions and length 1, questions 32; from a fixed seed.
Hits of the loop's questions must be the same, but for near ties in float64. Then memory:
``RssAnon`` of our search, on these files and on four times as many (hard links of them).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import common
import numpy as np
from memory import peaks

TARGET = 2.0
DEPTH, DIMENSION, TOKENS = 100, 128, 32
SHARD = 2500
GROWTH = 64


class Silent:
    """A progress bar that shows nothing."""

    def update(self, count: int = 1) -> None:
        """Take note of nothing."""


def unit(random: Any, count: int) -> np.ndarray:
    vectors = random.standard_normal((count, DIMENSION), dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def make(work: Path, passages: int, questions: int) -> Path:
    """The folder of the vectors, made once from a fixed seed."""
    from qa_bench.retriever.multivector.store import save_tokens
    from qa_bench.store.vectors import packed

    folder = work / f"{passages}-{questions}"
    if not (folder / "questions.npy").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        random = np.random.default_rng(7)
        for number, start in enumerate(range(0, passages, SHARD)):
            lengths = random.integers(60, 181, min(SHARD, passages - start))
            with (folder / f"tokens-{number:05d}.bin").open("wb") as file:
                save_tokens(file, (lengths, packed(unit(random, int(lengths.sum())), "int8")))
        np.save(folder / "questions.npy", unit(random, questions * TOKENS))
    return folder


def longer(work: Path, folder: Path, times: int) -> Path:
    """A folder with the files ``times`` over, by hard links."""
    target = work / f"times-{times}"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    shutil.copy(folder / "questions.npy", target)
    files = sorted(folder.glob("tokens-*.bin"))
    for number in range(times * len(files)):
        os.link(files[number % len(files)], target / f"tokens-{number:05d}.bin")
    return target


def read(folder: Path) -> tuple[Any, Any]:
    from qa_bench.retriever.multivector.store import Tokens, TokenVectors

    values = np.load(folder / "questions.npy")
    return TokenVectors(folder), Tokens(values, np.arange(0, len(values) + 1, TOKENS))


def ours(folder: str, threads: str, out: str) -> Any:
    """Our side, in a process of its own."""
    from qa_bench.retriever.multivector.maxsim import exact_maxsim
    from qa_bench.types import Runtime

    vectors, questions = read(Path(folder))
    runtime = Runtime(threads=int(threads), device="cpu", progress=False)
    exact_maxsim(vectors, questions.part(0, 2), DEPTH, runtime, Silent())
    with common.clock() as clock:
        rows, scores = exact_maxsim(vectors, questions, DEPTH, runtime, Silent())
    np.savez(out, rows=np.stack(rows), scores=np.stack(scores))
    return {"seconds": clock.seconds, "cpu": clock.cpu}


def floor(folder: str, threads: str, _: str) -> Any:
    """The products alone."""
    import torch

    from qa_bench.retriever.multivector import maxsim
    from qa_bench.runtime.devices import worker_threads
    from qa_bench.store.vectors import unpacked

    vectors, questions = read(Path(folder))
    tiles = [torch.from_numpy(tile.values).T for tile in maxsim._tiles(questions)]
    blocks = list(vectors.blocks(maxsim._BLOCK))

    def multiply(first: int) -> None:
        buffer = torch.empty(0)
        for _, stored, _ in blocks[first :: int(threads)]:
            passages = torch.from_numpy(unpacked(stored))
            for tile in tiles:
                size = len(passages) * tile.shape[1]
                if buffer.numel() < size:
                    buffer = torch.empty(size)
                torch.mm(passages, tile, out=buffer[:size].view(len(passages), tile.shape[1]))

    torch.set_num_threads(1)
    with worker_threads(int(threads), True) as pool, common.clock() as clock:
        list(pool.map(multiply, range(int(threads))))
    return {"seconds": clock.seconds, "cpu": clock.cpu}


def loop(folder: str, threads: str, count: str, out: str) -> Any:
    """A loop over passages, in a process of its own."""
    import torch

    torch.set_num_threads(int(threads))
    vectors, questions = read(Path(folder))
    every = vectors.at(np.arange(len(vectors)))
    passages = [torch.from_numpy(every.of(row)) for row in range(len(vectors))]
    places = np.linspace(0, questions.texts - 1, int(count)).astype(np.int64)
    best = []
    with common.clock() as clock, torch.inference_mode():
        for place in places:
            question = torch.from_numpy(questions.of(place)).T
            scores = torch.stack([(one @ question).amax(0).sum() for one in passages]).numpy()
            best.append(np.lexsort((np.arange(len(scores)), -scores))[:DEPTH])
    np.savez(out, places=places, rows=np.stack(best))
    share = questions.texts / len(places)
    return {"seconds": clock.seconds * share, "cpu": clock.cpu * share}


def compare(verdict: common.Verdict, folder: Path, mine: Any, peer: Any) -> None:
    """The rows of the loop's questions, place by place; others must be as good in float64."""
    from qa_bench.retriever.multivector.scoring import question_scores

    vectors, questions = read(folder)
    most, differing = 0.0, 0
    for place, theirs in zip(peer["places"], peer["rows"], strict=True):
        own = mine["rows"][place]
        at = np.flatnonzero(own != theirs)
        if len(at):
            sides = [
                question_scores(vectors, questions.of(place), side[at]) for side in (own, theirs)
            ]
            most, differing = (
                max(most, float(np.abs(sides[0] - sides[1]).max())),
                differing + len(at),
            )
    verdict.same(
        "passages and their order, but for near ties",
        most <= 1e-5,
        f"{differing} of {peer['rows'].size} places differ, by {most:.1e} at most in float64",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--questions", type=int, default=1000)
    parser.add_argument("--passages", type=int, default=10_000)
    parser.add_argument("--loop", type=int, default=20, help="questions that the loop is timed on")
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        name, *rest = arguments.one
        print(json.dumps({"ours": ours, "loop": loop, "floor": floor}[name](*rest)))
        return
    common.need_peer("torch", "numba")
    title = f"MaxSim: {arguments.questions} questions × {arguments.passages} passages"
    verdict = common.Verdict(f"{title} at depth {DEPTH}")
    work = common.work_folder("maxsim")
    folder = make(work, arguments.passages, arguments.questions)
    print(f"{arguments.threads} threads")

    def side(name: str, *words: Any) -> dict[str, float]:
        measured = common.in_fresh_process(__file__, name, folder, arguments.threads, *words)
        print(f"  {name}: {measured['seconds']:.2f} s, CPU {measured['cpu']:.2f} s", flush=True)
        return measured

    own = side("ours", work / "ours.npz")
    products = side("floor", "-")
    theirs = side("loop", min(arguments.loop, arguments.questions), work / "loop.npz")
    compare(verdict, folder, np.load(work / "ours.npz"), np.load(work / "loop.npz"))
    verdict.at_least("CPU seconds of a loop / ours", theirs["cpu"] / own["cpu"], TARGET)
    verdict.at_least("seconds of a loop / ours", theirs["seconds"] / own["seconds"], TARGET)
    print(f"ours / the products alone: {own['cpu'] / products['cpu']:.2f} of CPU seconds")
    if not Path("/proc/self/status").is_file():
        print("memory: needs Linux's /proc")
        verdict.finish()
    high = []
    for times in (1, 4):
        target = longer(work, folder, times)
        np.save(target / "questions.npy", np.load(folder / "questions.npy")[: 50 * TOKENS])
        command = [sys.executable, __file__, "--one", "ours", str(target)]
        high.append(peaks([*command, str(arguments.threads), str(work / "memory.npz")]))
        print(f"  {times} × the passages: RssAnon {high[-1]['RssAnon']:.0f} MB", flush=True)
        shutil.rmtree(target)
    grown = high[1]["RssAnon"] - high[0]["RssAnon"]
    verdict.at_most("growth of own memory with 4 × the passages", grown, GROWTH, " MB")
    verdict.finish()


if __name__ == "__main__":
    main()
