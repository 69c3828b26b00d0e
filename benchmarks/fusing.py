"""Fusing: two runs of each of the five sets at depth 1000, ours against pyserini.fusion.

    QA_BENCH_SHARED=<folder> python benchmarks/fusing.py [--questions 1000] [--pairs 2] [--profile]

Both runs of a set are real ones of BM25, with k1 and b of DPR and with Lucene's own; they are
searched once and kept. Each side fuses set by set in a fresh process, and keeps nothing of a set:
pyserini's reads two TREC files, fuses by reciprocal rank and writes a TREC file, as ``python -m
pyserini.fusion`` does; ours reads two runs as Parquet, fuses and writes Parquet. Imports are told
apart.

``--questions`` takes at most so many of each set: all 28,219, which make 56 million hits, are
searched for a quarter of an hour on two cores.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import common
import numpy as np
import pyarrow as pa

TARGET = 20
DEPTH = 1000
RUNS = {"dpr": (0.9, 0.4), "lucene": (1.2, 0.75)}


def search(work: Path, data: Path, most: int) -> list[str]:
    """Make the runs that are not there yet; the sets' names."""
    from qa_bench.retriever.bm25.part import Bm25
    from qa_bench.store.passages import open_passages
    from qa_bench.store.runs import read_run, rows_of, write_run
    from qa_bench.types import QuestionSet, Run, Runtime

    sets = []
    for name in common.SETS:
        line = common.line(common.overrides(data, common.cache_folder(), f"dataset={name}"))
        whole = line.questions
        some = whole.questions[:most]
        asked = QuestionSet(name, whole.split, whole.match, some, whole.digest)
        stem = f"{name}-{len(some)}"
        sets.append(stem)
        (work / f"{stem}.json").write_text(json.dumps([question.qid for question in some]))
        for label, (k1, b) in RUNS.items():
            path = work / f"{stem}.{label}.parquet"
            if not path.exists():
                start = time.perf_counter()
                run = Bm25(k1=k1, b=b).search(
                    common.built(line, line.indexes[0]),
                    open_passages(common.built(line, line.passages)),
                    asked,
                    DEPTH,
                    Runtime(java_heap="2g", progress=False),
                )
                write_trec_file(work / f"{stem}.{label}.trec", run.table)
                write_run(path, run)
                seconds = time.perf_counter() - start
                print(f"  searched {stem} {label}: {len(run)} hits, {seconds:.1f} s", flush=True)
            # It may have been kept by older code: ours reads what a search of today's writes.
            run = read_run(path)
            if "row" not in run.table.column_names:
                rows = rows_of(run, open_passages(common.built(line, line.passages))).astype(
                    np.int32
                )
                run = Run(run.table.append_column("row", pa.array(rows)))
            write_run(work / f"{stem}.{label}.today.parquet", run)
    (work / "passages").write_text(str(common.built(line, line.passages)))
    return sets


def write_trec_file(path: Path, table: pa.Table) -> None:
    """``qid Q0 pid rank score tag``, by Arrow: these files are large."""
    from pyarrow import csv

    def always(text: str) -> pa.Array:
        return pa.array([text]).take(pa.array(np.zeros(len(table), dtype=np.int8)))

    qid, rank, pid, score = (table.column(name) for name in ("qid", "rank", "pid", "score"))
    columns = [qid, always("Q0"), pid, rank, score, always("bm25")]
    csv.write_csv(
        pa.table(columns, names=list("abcdef")),
        path,
        csv.WriteOptions(include_header=False, delimiter=" ", quoting_style="none"),
    )


class Laps:
    """CPU seconds of this process by what they were spent on."""

    def __init__(self) -> None:
        """Start now."""
        self.spent: dict[str, float] = {}
        self._last = time.process_time()

    def end(self, what: str) -> None:
        """What was done since the last call."""
        now = time.process_time()
        self.spent[what] = self.spent.get(what, 0.0) + now - self._last
        self._last = now


def fuse_ours(work: str, passages: str, *stems: str) -> Any:
    """Our side, in a process of its own."""
    import pandas  # noqa: F401  Arrow imports it when it first makes an array of numpy

    from qa_bench.fusion.rrf import ReciprocalRank
    from qa_bench.store.hits import Hits
    from qa_bench.store.passages import open_passages
    from qa_bench.store.runs import write_run

    laps = Laps()

    def fuse(stem: str) -> float:
        qids = json.loads((Path(work) / f"{stem}.json").read_text())
        start = time.perf_counter()
        corpus = open_passages(Path(passages))
        files = {label: Path(work) / f"{stem}.{label}.today.parquet" for label in RUNS}
        hits = Hits.read(files, qids, corpus)
        laps.end("read")
        run = hits.ranked(ReciprocalRank().fuse(hits), DEPTH, qids, corpus)
        laps.end("fuse")
        write_run(Path(work) / f"{stem}.ours.parquet", run)
        laps.end("write")
        return time.perf_counter() - start

    return {"seconds": {stem: fuse(stem) for stem in stems}, "cpu": laps.spent}


def fuse_theirs(work: str, _: str, *stems: str) -> Any:
    """Pyserini's side, in a process of its own: the lines of ``pyserini/fusion/__main__.py``."""
    from pyserini.fusion import reciprocal_rank_fusion
    from pyserini.trectools import TrecRun

    laps = Laps()

    def fuse(stem: str) -> float:
        start = time.perf_counter()
        runs = [TrecRun(filepath=str(Path(work) / f"{stem}.{label}.trec")) for label in RUNS]
        laps.end("read")
        fused = reciprocal_rank_fusion(runs, rrf_k=60, depth=DEPTH, k=DEPTH)
        laps.end("fuse")
        fused.save_to_txt(str(Path(work) / f"{stem}.theirs.trec"), tag="pyserini.fusion")
        laps.end("write")
        return time.perf_counter() - start

    return {"seconds": {stem: fuse(stem) for stem in stems}, "cpu": laps.spent}


def compare(verdict: common.Verdict, work: Path, stem: str) -> None:
    """The same scores; the same passages in every group of equal scores that the cut left whole."""
    import pyarrow.parquet as pq
    from pyarrow import csv

    places = {qid: n for n, qid in enumerate(json.loads((work / f"{stem}.json").read_text()))}
    names = ["qid", "q0", "pid", "rank", "score", "tag"]
    types = {"qid": pa.string(), "pid": pa.int64(), "score": pa.float64()}
    theirs = csv.read_csv(
        work / f"{stem}.theirs.trec",
        csv.ReadOptions(column_names=names),
        csv.ParseOptions(delimiter=" "),
        csv.ConvertOptions(column_types=types, include_columns=list(types)),
    )
    ours = pq.read_table(work / f"{stem}.ours.parquet", columns=list(types))

    def columns(table: pa.Table) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        encoded = table.column("qid").combine_chunks().dictionary_encode()
        place = np.array([places[qid] for qid in encoded.dictionary.to_pylist()])
        asked = place[encoded.indices.to_numpy()]
        order = np.argsort(asked, kind="stable")
        score = table.column("score").to_numpy().astype(np.float32)
        pid = table.column("pid").cast(pa.int64()).to_numpy()
        return asked[order], score[order], pid[order]

    asked, score, pid = columns(ours)
    their_asked, their_score, their_pid = columns(theirs)
    same = np.array_equal(asked, their_asked) and np.array_equal(score, their_score)
    verdict.same(f"{stem}: questions and scores in order", same, f"{len(asked)} hits")
    if not same:
        return
    last = asked[1:] != asked[:-1]
    group = np.concatenate([[0], np.cumsum(last | (score[1:] != score[:-1]))])
    # The last group of a full list may be cut: which of its passages are in is anybody's choice.
    full = np.bincount(asked)[asked] == DEPTH
    ends = np.append(np.flatnonzero(last), len(asked) - 1)
    whole = ~(full & np.isin(group, group[ends]))
    mine = pid[np.lexsort((pid, group))][whole]
    other = their_pid[np.lexsort((their_pid, group))][whole]
    verdict.same(f"{stem}: order up to ties", np.array_equal(mine, other), f"{len(mine)} hits")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--questions", type=int, help="at most so many of a set", default=1000)
    parser.add_argument("--pairs", type=int, default=2)
    parser.add_argument("--profile", action="store_true", help="where our time goes")
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        name, *rest = arguments.one
        print(json.dumps({"ours": fuse_ours, "theirs": fuse_theirs}[name](*rest)))
        return
    data = common.shared_data()
    common.need_peer("pyserini", "jnius", "pandas")
    verdict = common.Verdict("fusing: two runs a set at depth 1000 by reciprocal rank")
    work = common.work_folder("fusing")
    stems = search(work, data, arguments.questions)
    passages = (work / "passages").read_text()
    if arguments.profile:
        import cProfile
        import pstats

        with cProfile.Profile() as profile:
            fuse_ours(str(work), passages, *stems)
        pstats.Stats(profile).sort_stats("tottime").print_stats(15)
        return

    def side(name: str) -> float:
        told = common.in_fresh_process(__file__, name, work, passages, *stems)
        each = ", ".join(f"{stem} {seconds:.2f}" for stem, seconds in told["seconds"].items())
        spent = ", ".join(f"{what} {seconds:.2f}" for what, seconds in told["cpu"].items())
        print(f"  {name}: {each} s; CPU {spent} s", flush=True)
        return float(sum(told["seconds"].values()))

    measured = common.pairs(arguments.pairs, lambda: side("ours"), lambda: side("theirs"))
    own, other = common.medians(measured)
    print(f"fusing: ours {own:.2f} s, theirs {other:.2f} s")
    for stem in stems:
        compare(verdict, work, stem)
    verdict.at_least("fusing, theirs / ours", common.median_ratio(measured), TARGET)
    verdict.finish()


if __name__ == "__main__":
    main()
