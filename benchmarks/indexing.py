"""Indexing: BM25 from our passage store against Anserini's IndexCollection on JSON Lines.

    QA_BENCH_SHARED=<folder> python benchmarks/indexing.py [--pairs 5] [--threads 2] [--heap 2g]

The whole article corpus (about 408,000 passages), each side in a fresh process from start to exit,
with the same Java, heap and threads, and until its files are on the disk (fsync). The JSON Lines
(as many files as threads, or Anserini would use one thread) and our store are there before the
clock starts.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import common

TARGET = 0.9
TERMS = ("citi", "physic", "einstein", "1969", "the", "zebra")
"""Stemmed terms whose frequencies are compared."""


def write_jsonl(store: Path, folder: Path, files: int) -> int:
    """Our passages as Anserini's JSON Lines, in consecutive parts; return how many there are."""
    from qa_bench.store.passages import Passages

    passages = Passages(store)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    share = -(-len(passages) // files)
    file = None
    for row, (_, title, text) in enumerate(passages):
        if row % share == 0:
            if file is not None:
                file.close()
            file = (folder / f"part-{row // share:02d}.jsonl").open("w", encoding="utf-8")
        document = {"id": f"{row:012d}", "contents": f"{title}\n{text}"}
        file.write(json.dumps(document, ensure_ascii=False) + "\n")
    file.close()
    return len(passages)


def index_ours(store: str, folder: str, threads: str, heap: str) -> dict[str, Any]:
    """Our side, in a process of its own."""
    from qa_bench.engine.files import sync_all
    from qa_bench.retriever.bm25.part import Bm25
    from qa_bench.store.passages import Passages
    from qa_bench.types import Runtime

    runtime = Runtime(threads=int(threads), java_heap=heap, progress=False)
    count = Bm25().index(Passages(Path(store)), Path(folder), runtime)
    sync_all(Path(folder))
    return {"count": count}


def statistics_of(folder: str) -> dict[str, Any]:
    """What Lucene says of an index: counts, and the frequencies of some terms."""
    from qa_bench.retriever.bm25.java import start_jvm

    autoclass = start_jvm("1g")
    path = autoclass("java.nio.file.Paths").get(folder)
    directory = autoclass("org.apache.lucene.store.FSDirectory").open(path)
    reader = autoclass("org.apache.lucene.index.DirectoryReader").open(directory)
    term = autoclass("org.apache.lucene.index.Term")
    return {
        "documents": reader.numDocs(),
        "with contents": reader.getDocCount("contents"),
        "postings": reader.getSumDocFreq("contents"),
        "words": reader.getSumTotalTermFreq("contents"),
        "df": {word: reader.docFreq(term("contents", word)) for word in TERMS},
        "segments": reader.leaves().size(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--heap", default="2g")
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        name, *rest = arguments.one
        print(json.dumps({"ours": index_ours, "statistics": statistics_of}[name](*rest)))
        return
    data = common.shared_data()
    common.need_peer("pyserini", "jnius")
    verdict = common.Verdict("indexing: the article corpus, BM25, our store against JSON Lines")

    from qa_bench.engine.files import sync_all
    from qa_bench.retriever.bm25.java import anserini_jar, find_java

    line = common.line(common.overrides(data, common.cache_folder()))
    store = common.built(line, line.passages)
    work = common.work_folder("indexing")
    count = write_jsonl(store, work / "jsonl", arguments.threads)
    print(f"{count} passages, {arguments.threads} threads, heap {arguments.heap}")
    java = find_java() / "bin" / "java"
    cpu: dict[str, list[float]] = {"ours": [], "theirs": []}

    def ours() -> float:
        shutil.rmtree(work / "ours", ignore_errors=True)
        (work / "ours").mkdir()
        with common.clock() as measured:
            common.in_fresh_process(
                __file__, "ours", store, work / "ours", arguments.threads, arguments.heap
            )
        cpu["ours"].append(measured.cpu)
        return measured.seconds

    def theirs() -> float:
        shutil.rmtree(work / "theirs", ignore_errors=True)
        command = [java, f"-Xmx{arguments.heap}", "-cp", anserini_jar()]
        command += ["io.anserini.index.IndexCollection", "-collection", "JsonCollection"]
        command += ["-generator", "DefaultLuceneDocumentGenerator", "-input", work / "jsonl"]
        command += ["-index", work / "theirs", "-threads", str(arguments.threads)]
        with common.clock() as measured:
            done = subprocess.run(command, capture_output=True, text=True)
            sync_all(work / "theirs")
        if done.returncode:
            sys.exit(f"IndexCollection failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        cpu["theirs"].append(measured.cpu)
        return measured.seconds

    measured = common.pairs(arguments.pairs, ours, theirs)
    own, other = common.medians(measured)
    print(f"indexing: ours {own:.1f} s, theirs {other:.1f} s")
    own, other = (statistics.median(cpu[side]) for side in ("ours", "theirs"))
    print(f"CPU: ours {own:.1f} s, theirs {other:.1f} s, {other / own:.2f}×")
    mine = common.in_fresh_process(__file__, "statistics", work / "ours" / "lucene")
    peer = common.in_fresh_process(__file__, "statistics", work / "theirs")
    print(f"segments: ours {mine.pop('segments')}, theirs {peer.pop('segments')}")
    verdict.same("number of documents", mine["documents"] == peer["documents"] == count, f"{count}")
    verdict.same("collection statistics and term frequencies", mine == peer, json.dumps(mine))
    verdict.at_least("indexing, theirs / ours", common.median_ratio(measured), TARGET)
    verdict.finish()


if __name__ == "__main__":
    main()
