"""The whole line on bm25_native beside the same on Lucene's bm25: five sets, cold.

    QA_BENCH_SHARED=<folder> python benchmarks/native_line.py [--sets nq,webq] [--pairs 1]

Both are one ``qa-bench run experiment=five_sets`` in an empty folder: read and chunk the articles,
index, search at depth 100, score, tables. Chunking and scoring are the same work on both sides, so
that they are told apart. numba's loops are compiled beforehand, by the sample.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from pathlib import Path

import common

TARGET = 1.7
RETRIEVERS = ("bm25_native", "bm25")


def stages(folder: Path) -> dict[str, float]:
    """Seconds of each stage, from the manifests."""
    seconds: dict[str, float] = {}
    for manifest in (folder / "data" / "cache").glob("*/*/manifest.json"):
        stage = manifest.parent.parent.name
        seconds[stage] = seconds.get(stage, 0) + json.loads(manifest.read_text())["wall_s"]
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", default=",".join(common.SETS))
    parser.add_argument("--pairs", type=int, default=1)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--heap", default="2g")
    parser.add_argument("--articles", default=common.ARTICLES, help="under QA_BENCH_SHARED/data")
    arguments = parser.parse_args()
    data = common.shared_data()
    common.need_peer("jnius", "numba")
    verdict = common.Verdict(f"the line without Java: {arguments.sets} at depth 100")
    work = common.work_folder("native_line")
    options = [
        "experiment=five_sets",
        f"corpus.path={data}/{arguments.articles}",
        f"paths.raw={data}",
        f"runtime.threads={arguments.threads}",
        f"runtime.java_heap={arguments.heap}",
        f"hydra.sweeper.params.dataset='{arguments.sets}'",
        "json=true",
    ]
    with common.clock() as compiling:
        common.qa_bench(
            *("run", "corpus=sample", "dataset=nq", "dataset.split=sample"),
            *("retriever=bm25_native", f"paths.cache={work / 'sample'}"),
            *(f"paths.results={work / 'sample'}",),
        )
    print(f"the sample, numba's compiling within: {compiling.seconds:.1f} s")
    figures: dict[str, list[dict]] = {}

    def side(retriever: str) -> float:
        folder = work / retriever
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        with common.clock() as measured:
            done = common.qa_bench("run", *options, f"retriever={retriever}", cwd=folder)
        lines = [json.loads(text) for text in done.stdout.splitlines() if text.startswith("{")]
        figures[retriever] = lines
        of_each = ", ".join(f"{name} {spent:.1f} s" for name, spent in stages(folder).items())
        print(
            f"  {retriever}: {measured.seconds:.1f} s ({measured.cpu:.1f} s of CPU): {of_each}",
            flush=True,
        )
        return measured.seconds

    measured = common.pairs(arguments.pairs, *(lambda name=name: side(name) for name in RETRIEVERS))
    worst = 0.0
    for mine, peer in zip(*(figures[name] for name in RETRIEVERS), strict=True):
        names = [f"answer_recall@{k}" for k in (1, 5, 20, 100)]
        worst = max(worst, *(abs(mine[name] - peer[name]) for name in names))
    verdict.at_most("figures, the largest difference (equal scores at a cut-off)", worst, 0.001)
    spent = [stages(work / name) for name in RETRIEVERS]
    ours, theirs = (sum(each[stage] for stage in ("index", "search")) for each in spent)
    print(f"index and search alone, bm25 / bm25_native: {theirs / ours:.2f}×")
    verdict.at_least("whole line, bm25 / bm25_native", common.median_ratio(measured), TARGET)
    verdict.finish()


if __name__ == "__main__":
    main()
