"""Approximate engines over the same vectors: hits found, seconds to build, bytes, questions/s.

    python benchmarks/approximate.py [--vectors FOLDER] [--limit N] [--depth 100] [--threads 2]

``--vectors`` names the folder of an index (``vectors-*.npy``), such as ``qa-bench index
retriever=minilm`` makes of real passages, whose passages, with noise added, are the questions.
Without it, vectors are drawn around 1,000 centres from a fixed seed: engines find more among such.

Each engine is the retriever that ``qa-bench`` runs, in a fresh process: it builds its index, opens
it, searches once before the clock starts, and searches. Exact search stands beside them, and its
hits are what "% of exact hits" counts. Every engine must give the true scores of its hits where it
scores them again.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from pathlib import Path
from typing import Any

import common
import numpy as np
from exact_search import QUESTIONS, SHARD, Silent, noisy, unit

ENGINES: dict[str, tuple[str, dict[str, Any]]] = {
    "exact": ("exact", {}),
    "faiss HNSW32, efSearch 256": ("faiss", {"factory": "HNSW32", "search": {"efSearch": 256}}),
    "faiss HNSW32, efSearch 256, rescored": (
        "faiss", {"factory": "HNSW32", "search": {"efSearch": 256}, "rescore": 1},
    ),
    "faiss IVF256,PQ48, nprobe 32, 4 × rescored": (
        "faiss",
        {"factory": "IVF256,PQ48", "search": {"nprobe": 32}, "rescore": 4, "train": 20_000},
    ),
    "faiss SQ8, 4 × rescored": ("faiss", {"factory": "SQ8", "rescore": 4}),
    "usearch 16 links, expansion 128": ("usearch", {"expansion_search": 128}),
    "usearch 16 links, expansion 256": ("usearch", {"expansion_search": 256}),
    "usearch 16 links, expansion 256, int8, 2 × rescored": (
        "usearch", {"expansion_search": 256, "dtype": "int8", "rescore": 2},
    ),
    "usearch 32 links, expansion 256": (
        "usearch", {"connectivity": 32, "expansion_search": 256},
    ),
}  # fmt: skip
"""Row of the table: engine and settings."""


class Numbers:
    """A corpus of which only rows count."""

    def __init__(self, count: int) -> None:
        """Of so many passages."""
        self._count = count

    def __len__(self) -> int:
        """Passages."""
        return self._count

    def pids(self, rows: np.ndarray) -> Any:
        """The rows as text."""
        import pyarrow as pa

        return pa.array(np.asarray(rows).astype(str))


def questions_of(folder: Path) -> np.ndarray:
    questions: np.ndarray = np.load(folder / "questions.npy").astype(np.float32)
    return questions


def base_of(folder: Path) -> Any:
    """A dense retriever whose vectors are in a folder, and whose questions are in a file there."""
    from qa_bench.parts import Part
    from qa_bench.store.vectors import Vectors
    from qa_bench.types import Run

    class Base(Part):
        similarity = "cosine"

        def index(self, *_: Any) -> int:
            return 0

        def search(self, *_: Any) -> Run:
            raise NotImplementedError

        def score(self, *_: Any) -> np.ndarray:
            raise NotImplementedError

        def plan(self, *_: Any) -> Any:
            raise NotImplementedError

        def opened(self, place: Path, *_: Any) -> tuple[Vectors, np.ndarray]:
            return Vectors(place), questions_of(folder)

    return Base()


def made(engine: str, base: Any, settings: dict[str, Any]) -> Any:
    if engine == "faiss":
        from qa_bench.retriever.faiss import Faiss

        return Faiss(parts={"base": base}, **settings)
    from qa_bench.retriever.usearch import Usearch

    return Usearch(parts={"base": base}, **settings)


def measure(folder: str, threads: str, depth: str, row: str, out: str) -> Any:
    """One row of the table, in a process of its own."""
    from qa_bench.protocols import Indexed
    from qa_bench.retriever.vectors.exact import exact_search
    from qa_bench.runtime.warm import warm
    from qa_bench.store.vectors import Vectors
    from qa_bench.types import Question, QuestionSet, Runtime

    engine, settings = ENGINES[row]
    runtime = Runtime(threads=int(threads), device="cpu", progress=False)
    vectors, asked, deep = Vectors(Path(folder)), questions_of(Path(folder)), int(depth)
    for _, stored in vectors.spans(SHARD):
        stored.reshape(-1).view(np.uint8)[::4096].max()  # every page is mapped
    if engine == "exact":
        exact_search(vectors, asked[:16], deep, "cosine", runtime, Silent())
        with common.clock() as clock:
            rows, scores = exact_search(vectors, asked, deep, "cosine", runtime, Silent())
        np.savez(out, rows=np.stack(rows), scores=np.stack(scores))
        return {"build": 0, "build_cpu": 0, "bytes": 0, "seconds": clock.seconds, "cpu": clock.cpu}

    base = Indexed(base_of(Path(folder)), Path(folder))
    part, passages = made(engine, base.retriever, settings), Numbers(len(vectors))
    place = Path(out).parent / "index"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    with common.clock() as building:
        part.index(passages, place, runtime, base=base)
    size = sum(path.stat().st_size for path in place.iterdir())

    made_of = tuple(Question(str(number), "", ("x",)) for number in range(len(asked)))
    questions = QuestionSet("made", "test", "string", made_of, "0" * 64)
    with warm():
        for _ in range(2):  # the first opens the index
            with common.clock() as clock:
                run = part.search(place, passages, questions, deep, runtime, base=base)
    shutil.rmtree(place)
    table = run.table
    rows = np.full((len(asked), deep), -1, dtype=np.int64)
    scores = np.zeros(rows.shape, dtype=np.float32)
    where = np.array(table.column("qid").to_pylist()).astype(int), table["rank"].to_numpy() - 1
    rows[where], scores[where] = table["row"].to_numpy(), table["score"].to_numpy()
    np.savez(out, rows=rows, scores=scores)
    return {
        "build": building.seconds, "build_cpu": building.cpu, "bytes": size,
        "seconds": clock.seconds, "cpu": clock.cpu,
    }  # fmt: skip


def clustered(work: Path, count: int, dimension: int = 384) -> Path:
    """A folder of vectors of length 1 around 1,000 centres, from a fixed seed."""
    folder = work / f"clustered-{count}"
    if not (folder / "questions.npy").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        random = np.random.default_rng(7)
        centres = random.standard_normal((1000, dimension), dtype=np.float32)

        def some(size: int) -> np.ndarray:
            near = centres[random.integers(len(centres), size=size)]
            return unit(near + random.standard_normal((size, dimension), dtype=np.float32))

        for number, start in enumerate(range(0, count, SHARD)):
            np.save(folder / f"vectors-{number:05d}.npy", some(min(SHARD, count - start)))
        np.save(folder / "questions.npy", some(QUESTIONS))
    return folder


def first(work: Path, given: Path, count: int) -> Path:
    """The first vectors of an index, in a folder of their own."""
    from qa_bench.store.vectors import Vectors

    folder = work / "first"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    vectors = Vectors(given)
    for number, start in enumerate(range(0, min(count, len(vectors)), SHARD)):
        end = min(start + SHARD, count, len(vectors))
        np.save(folder / f"vectors-{number:05d}.npy", vectors.at(np.arange(start, end)))
    return folder


def true_scores(folder: Path, side: Any) -> bool:
    """Whether the scores of hits are those of float64, rounded."""
    from qa_bench.retriever.vectors.similarity import pair_scores
    from qa_bench.store.vectors import Vectors

    question, place = np.nonzero(side["rows"] >= 0)
    true = pair_scores(
        Vectors(folder), questions_of(folder), question, side["rows"][question, place], "cosine"
    )
    return bool(np.array_equal(true, side["scores"][question, place]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vectors", type=Path, help="a folder with vectors-*.npy of an index")
    parser.add_argument("--limit", type=int, default=25_000, help="vectors; 0: all")
    parser.add_argument("--depth", type=int, default=100)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        name, *rest = arguments.one
        print(json.dumps({"measure": measure}[name](*rest)))
        return
    common.need_peer("faiss", "usearch", "torch")
    work = common.work_folder("approximate")
    if arguments.vectors:
        if not any(arguments.vectors.glob("vectors-*.npy")):
            common.skip(f"no vectors-*.npy in {arguments.vectors}")
        given = arguments.vectors
        folder = noisy(work, first(work, given, arguments.limit) if arguments.limit else given)
    else:
        folder = clustered(work, arguments.limit or 100_000)
    from qa_bench.store.vectors import Vectors

    vectors = Vectors(folder)
    kind = "of an index, questions by noise" if arguments.vectors else "drawn around 1,000 centres"
    verdict = common.Verdict(
        f"approximate search: {len(vectors):,} vectors of {vectors.dimension}, {kind}; "
        f"{QUESTIONS:,} questions at depth {arguments.depth}, {arguments.threads} threads"
    )
    plain = sum(path.stat().st_size for path in folder.glob("vectors-*.npy")) / 1e6
    print("| engine | % of exact hits | build s (CPU) | index MB | questions/s (CPU ms each) |")
    print("| --- | ---: | ---: | ---: | ---: |")
    exact: np.ndarray | None = None
    for row, (engine, settings) in ENGINES.items():
        out = work / "hits.npz"
        told = common.in_fresh_process(
            __file__, "measure", folder, arguments.threads, arguments.depth, row, out
        )
        side = np.load(out)
        if exact is None:
            exact = side["rows"]
        both = zip(side["rows"].tolist(), exact.tolist(), strict=True)
        shared = sum(len({*one} & {*other}) for one, other in both)
        build = f"{told['build']:.1f} ({told['build_cpu']:.1f})" if told["bytes"] else ""
        size = f"{told['bytes'] / 1e6:.0f}" if told["bytes"] else f"none; the vectors {plain:.0f}"
        print(
            f"| {row} | {100 * shared / exact.size:.2f} | {build} | {size} | "
            f"{QUESTIONS / told['seconds']:,.0f} ({1000 * told['cpu'] / QUESTIONS:.2f}) |",
            flush=True,
        )
        rescored = engine == "usearch" or bool(settings.get("rescore"))
        if rescored and not true_scores(folder, side):
            verdict.same(f"scores of {row}", False)
    verdict.finish()


if __name__ == "__main__":
    main()
