"""The postings engine beside Lucene, PISA and bm25s: index, search, all variants, memory.

    QA_BENCH_SHARED=<folder> python benchmarks/postings.py [--limit 50000] [--questions 10]
        [--depth 100] [--parts index search variants pisa bm25s memory] [--pisa WHEELS]

Every side runs in a fresh process on the same passages, questions and threads; CPU seconds stand
beside wall. What numba compiles is compiled before the clock starts, in a process of its own, and
its time told. Search: from the opened index to every hit's row and score in Python.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import common
import indexing
import memory
import numpy as np
import pisa_peer
import searching

PARTS = ("index", "search", "variants", "pisa", "bm25s", "memory")
INDEX, SEARCH, PISA, VARIANTS, BM25S, GROWTH = 1.0, 3.0, 1.0, 2.0, 1.0, 64
EIGHT = (
    "lucene", "lucene_accurate", "robertson", "atire", "bm25l", "bm25_plus", "bm25_adpt", "tfldp",
)  # fmt: skip

SAVED = ("lucene", "lucene_accurate", "robertson")
"""Variants whose hits are held against a peer's: Lucene's, bm25s' and PISA's formula."""


def part_of(variant: str = "lucene") -> Any:
    """The retriever."""
    from qa_bench.retriever.postings.part import Bm25Native

    return Bm25Native(variant=variant)


def runtime_of(threads: str) -> Any:
    """Threads, and no progress bars."""
    from qa_bench.types import Runtime

    return Runtime(threads=int(threads), progress=False)


def set_of(questions: str) -> Any:
    """The questions that ``main`` has written."""
    from qa_bench.types import Question, QuestionSet

    pairs = json.loads(Path(questions).read_text(encoding="utf-8"))
    return QuestionSet("all", "test", "string", tuple(Question(*p, ("",)) for p in pairs), "")


def cut_store(store: Path, folder: Path, limit: int) -> Path:
    """The first passages of a store, as a store."""
    from qa_bench.store.passages import Passages, describe_passages, write_passages

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_passages(folder / "part.arrow", islice(Passages(store), limit))
    describe_passages(folder, [folder / "part.arrow"])
    return folder


def size_of(folder: Path) -> int:
    """Bytes of a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def index(store: str, folder: str, threads: str) -> Any:
    """Our index, until it is on the disk."""
    from qa_bench.engine.files import sync_all
    from qa_bench.store.passages import Passages

    count = part_of().index(Passages(Path(store)), Path(folder), runtime_of(threads))
    sync_all(Path(folder))
    return {"count": count}


def opened(folder: str, store: str, threads: str, variant: str) -> Any:
    """(passages, part, its opened index, runtime)."""
    from qa_bench.store.passages import Passages

    passages, part, runtime = Passages(Path(store)), part_of(variant), runtime_of(threads)
    return passages, part, part._opened(Path(folder), passages, runtime), runtime


def search(
    questions: str, store: str, threads: str, folder: str, depth: str, variants: str, out: str
) -> Any:
    """Our search, of each variant: seconds of opening, terms and search, wall and CPU."""
    from qa_bench.retriever.postings.search import top_k

    texts, answer = set_of(questions), {}
    for variant in variants.split(","):
        with common.clock() as opening:
            _, part, opener, runtime = opened(folder, store, threads, variant)
            index = opener.__enter__()
        few = part._terms(index.postings, texts.questions[:64], runtime)
        with common.clock() as warm:
            top_k(*index, few, int(depth), runtime.workers)
        with common.clock() as terms:
            words = part._terms(index.postings, texts, runtime)
        with common.clock() as measured:
            rows, scores = top_k(*index, words, int(depth), runtime.workers)
        answer[variant] = {
            "opening": opening.seconds, "first": warm.seconds, "terms": terms.seconds,
            "search": measured.seconds, "cpu": measured.cpu + terms.cpu,
        }  # fmt: skip
        if variant in SAVED:
            searching.save(f"{out}-{variant}.npz", rows, scores)
        opener.__exit__(None, None, None)
    answer["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return answer


def lucene(
    questions: str, store: str, threads: str, heap: str, folder: str, depth: str, out: str
) -> Any:
    """Pyserini's ``batch_search``."""
    searching.DEPTH = int(depth)
    with common.clock() as whole:
        answer = searching.search_theirs(questions, store, threads, heap, folder, out)
    return {**answer, "cpu": whole.cpu}


def term_lists(folder: str, store: str, threads: str, questions: str) -> tuple[Any, Any]:
    """Our postings, and the terms of each question with how often each comes."""
    _, part, opener, runtime = opened(folder, store, threads, "lucene")
    index = opener.__enter__()
    return index.postings, part._terms(index.postings, set_of(questions), runtime)


def pisa(
    questions: str, store: str, threads: str, folder: str, depth: str, wheels: str, work: str,
    out: str,
) -> Any:  # fmt: skip
    """PISA's MaxScore over the same terms."""
    postings, asked = term_lists(folder, store, threads, questions)
    names = postings.vocabulary.to_pylist()
    several = [
        {
            names[term]: float(weight)
            for term, weight in zip(asked.terms[a:b], asked.weights[a:b], strict=True)
            if term >= 0
        }
        for a, b in zip(asked.pointers[:-1], asked.pointers[1:], strict=True)
    ]
    module = pisa_peer.engine(wheels, Path(work))
    shutil.rmtree(Path(work) / "index", ignore_errors=True)
    written = pisa_peer.write_index(module, postings, Path(work) / "index")
    context, opening = pisa_peer.opened(module, Path(work) / "index")
    with common.clock() as measured:
        rows, scores, seconds = pisa_peer.searched(
            module, context, several, int(depth), int(threads)
        )
    searching.save(out, rows, scores)
    return {"search": seconds, "cpu": measured.cpu, "opening": opening, "written": written}


def bm25s(questions: str, store: str, threads: str, folder: str, depth: str, out: str) -> Any:
    """bm25s with numba over the same terms; its order of equal scores is what it is."""
    import bm25s as peer

    postings, asked = term_lists(folder, store, threads, questions)
    order = np.argsort(postings.rows, kind="stable")
    terms = np.repeat(np.arange(postings.terms), np.diff(postings.pointers))[order]
    counts = np.bincount(postings.rows, minlength=postings.passages)
    repeated = np.repeat(terms, postings.values[order])
    lengths = np.bincount(postings.rows, postings.values, postings.passages).astype(np.int64)
    corpus = [part.tolist() for part in np.split(repeated, np.cumsum(lengths)[:-1])]
    vocabulary = {str(number): number for number in range(postings.terms)}
    model = peer.BM25(method="lucene", k1=0.9, b=0.4, backend="numba")
    with common.clock() as indexed:
        model.index((corpus, vocabulary), show_progress=False)
    lists = [
        np.repeat(asked.terms[a:b], asked.weights[a:b].astype(int))
        for a, b in zip(asked.pointers[:-1], asked.pointers[1:], strict=True)
    ]
    queries = [[int(term) for term in some if term >= 0] for some in lists]
    wide = min(int(depth), len(counts))
    with common.clock() as first:
        model.retrieve(queries[:64], k=wide, n_threads=int(threads), show_progress=False)
    with common.clock() as measured:
        hits, scores = model.retrieve(queries, k=wide, n_threads=int(threads), show_progress=False)
    searching.save(out, list(np.asarray(hits, np.int64)), list(scores))
    return {
        "search": measured.seconds, "cpu": measured.cpu, "index": indexed.seconds,
        "first": first.seconds,
    }  # fmt: skip


def agreement(ours: Path, theirs: Path) -> dict[str, float]:
    """How far two sides' hits agree: shares of equal lists and of common hits, worst score."""
    mine, peer = np.load(ours), np.load(theirs)
    same = common_hits = lists = 0
    worst = 0.0
    starts = [np.concatenate([[0], np.cumsum(side["counts"])]) for side in (mine, peer)]
    for number in range(len(mine["counts"])):
        a = slice(*starts[0][number : number + 2])
        b = slice(*starts[1][number : number + 2])
        same += np.array_equal(mine["rows"][a], peer["rows"][b])
        common_hits += len(np.intersect1d(mine["rows"][a], peer["rows"][b]))
        lists += 1
        few = min(a.stop - a.start, b.stop - b.start)
        far = np.abs(mine["scores"][a][:few] - peer["scores"][b][:few])
        worst = max(worst, float(far.max(initial=0)))
    return {
        "lists": same / max(lists, 1), "hits": common_hits / max(len(mine["rows"]), 1),
        "score": worst, "counts": float(np.array_equal(mine["counts"], peer["counts"])),
    }  # fmt: skip


ONES = {
    "index": index, "search": search, "lucene": lucene, "pisa": pisa, "bm25s": bm25s,
    "statistics": indexing.statistics_of,
}  # fmt: skip


def timed(*arguments: Any) -> tuple[dict[str, Any], common.Clock]:
    """One side in a process of its own, its answer and what the whole process took."""
    with common.clock() as measured:
        answer = common.in_fresh_process(__file__, *arguments)
    return answer, measured


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS)
    parser.add_argument("--pairs", type=int, default=1)
    parser.add_argument("--limit", type=int, default=0, help="only the first passages")
    parser.add_argument("--questions", type=int, default=1, help="only every n-th question")
    parser.add_argument("--depth", type=int, default=100)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--heap", default="2g")
    parser.add_argument("--pisa", default="", help="the folder of both wheels: see pisa_peer.py")
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    return parser.parse_args()


def index_both(verdict: Any, options: Any, store: Path, ours: Path, theirs: Path) -> None:
    """Both indexes, and what they say of themselves."""
    from qa_bench.engine.files import sync_all
    from qa_bench.retriever.bm25.java import anserini_jar, find_java
    from qa_bench.retriever.postings.store import Postings

    documents = theirs.with_name("jsonl")
    count = indexing.write_jsonl(store, documents, options.threads)
    cpu: dict[str, list[float]] = {"ours": [], "theirs": []}

    def index_ours() -> float:
        shutil.rmtree(ours, ignore_errors=True)
        ours.mkdir()
        _, measured = timed("index", store, ours, options.threads)
        cpu["ours"].append(measured.cpu)
        return measured.seconds

    def index_theirs() -> float:
        shutil.rmtree(theirs, ignore_errors=True)
        command = [find_java() / "bin" / "java", f"-Xmx{options.heap}", "-cp", anserini_jar()]
        command += ["io.anserini.index.IndexCollection", "-collection", "JsonCollection"]
        command += ["-generator", "DefaultLuceneDocumentGenerator", "-input", documents]
        command += ["-index", theirs, "-threads", str(options.threads)]
        with common.clock() as measured:
            done = subprocess.run(command, capture_output=True, text=True)
            sync_all(theirs)
        if done.returncode:
            sys.exit(f"IndexCollection failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        cpu["theirs"].append(measured.cpu)
        return measured.seconds

    measured = common.pairs(options.pairs, index_ours, index_theirs)
    print(f"CPU: ours {min(cpu['ours']):.1f} s, theirs {min(cpu['theirs']):.1f} s")
    peer = common.in_fresh_process(__file__, "statistics", theirs)
    postings = Postings(ours)
    words = int(postings.lengths.astype(np.int64).sum())
    mine = [postings.passages, int(postings.pointers[-1]), words]
    mine += [int(np.diff(postings.pointers)[postings.term(w)]) for w in ("citi", "einstein")]
    there = [count, peer["postings"], peer["words"], peer["df"]["citi"], peer["df"]["einstein"]]
    verdict.same("passages, postings, words, frequencies", mine == there, f"{mine}, {there}")
    bytes_of = [size_of(folder) / 1e6 for folder in (ours, theirs)]
    print(f"disk: ours {bytes_of[0]:.1f} MB, theirs {bytes_of[1]:.1f} MB")
    verdict.at_most("disk, ours / theirs", bytes_of[0] / bytes_of[1], 1.0, "×")
    verdict.at_least("indexing, theirs / ours", common.median_ratio(measured), INDEX)


def main() -> None:
    options = parsed()
    os.environ["NUMBA_NUM_THREADS"] = str(options.threads)  # bm25s may have no more than that
    if options.one:
        name, *rest = options.one
        print(json.dumps(ONES[name](*rest)))
        return
    data = common.shared_data()
    common.need_peer("pyserini", "jnius", "torch", "numba")
    verdict = common.Verdict("postings: BM25 without Java beside Lucene, PISA and bm25s")
    work = common.work_folder(f"postings/{options.limit or 'all'}")
    line = common.line(common.overrides(data, common.cache_folder()))
    store = common.built(line, line.passages)
    if options.limit:
        store = cut_store(store, work / "store", options.limit)
    questions = searching.questions_of(data)[:: options.questions]
    asked = work / "questions.json"
    asked.write_text(json.dumps(questions), encoding="utf-8")
    ours, theirs = work / "ours", work / "theirs"
    small = cut_store(store, work / "small", 5000)
    shutil.rmtree(work / "warm", ignore_errors=True)
    (work / "warm").mkdir()
    _, first = timed("index", small, work / "warm", options.threads)
    _, second = timed("index", small, work / "warm", options.threads)
    print(f"compiled for the index in {max(0, first.seconds - second.seconds):.1f} s")
    print(f"{len(questions)} questions, depth {options.depth}, {options.threads} threads")
    if "index" in options.parts or not theirs.is_dir():
        index_both(verdict, options, store, ours, theirs)
    depth, total = options.depth, len(questions)

    def side(name: str, *arguments: Any) -> dict[str, Any]:
        answer, _ = timed(name, asked, store, options.threads, *arguments)
        return answer

    def told(name: str, answer: dict[str, Any]) -> None:
        rest = {key: round(value, 2) for key, value in answer.items()}
        print(f"  {name}: {total / answer['search']:.0f} questions/s; {rest}", flush=True)

    variants = ",".join(EIGHT if "variants" in options.parts else SAVED)
    own = side("search", ours, depth, variants, work / "ours")
    print(f"peak of our search {own.pop('peak'):.0f} MB")
    for name, answer in own.items():
        told(name, answer)
    seconds = {name: answer["search"] + answer["terms"] for name, answer in own.items()}
    if {"search", "variants"} & set(options.parts):
        peer = side("lucene", options.heap, theirs, depth, work / "lucene.npz")
        told("Lucene's batch_search", peer)
        agrees = agreement(work / "ours-lucene.npz", work / "lucene.npz")
        print(f"beside Lucene: {agrees}")
        verdict.same("hits a question", bool(agrees["counts"]))
        verdict.at_most("scores, the largest difference", agrees["score"], 2e-3)
        verdict.at_least("searching, Lucene / ours", peer["search"] / seconds["lucene"], SEARCH)
        for name in seconds if "variants" in options.parts else ():
            verdict.at_least(f"{name}, Lucene / ours", peer["search"] / seconds[name], VARIANTS)
    own_search = own["lucene"]["search"]
    if "pisa" in options.parts:
        if not pisa_peer.there(options.pisa):
            print("PISA skipped: --pisa names no folder with both wheels (see pisa_peer.py)")
        else:
            peer = side("pisa", ours, depth, options.pisa, work / "pisa", work / "pisa.npz")
            told("PISA's MaxScore", peer)
            print(f"beside PISA: {agreement(work / 'ours-robertson.npz', work / 'pisa.npz')}")
            verdict.at_least("searching, PISA / ours", peer["search"] / own_search, PISA)
    if "bm25s" in options.parts:
        common.need_peer("bm25s")
        peer = side("bm25s", ours, depth, work / "bm25s.npz")
        told("bm25s with numba", peer)
        print(f"beside bm25s: {agreement(work / 'ours-lucene_accurate.npz', work / 'bm25s.npz')}")
        verdict.at_least("searching, bm25s / ours", peer["search"] / own_search, BM25S)
    if "memory" in options.parts:
        own_memory = {}
        for name, some in (("small", cut_store(store, work / "50k", 50_000)), ("all", store)):
            shutil.rmtree(work / "mem", ignore_errors=True)
            (work / "mem").mkdir()
            command = [sys.executable, __file__, "--one", "index", some, work / "mem"]
            command.append(options.threads)
            own_memory[name] = memory.peaks([str(word) for word in command])
            high = {key: round(value) for key, value in own_memory[name].items()}
            print(f"  index, {name}: {high} (MB, seconds)")
        grown = own_memory["all"]["RssAnon"] - own_memory["small"]["RssAnon"]
        verdict.at_most("own memory, from 50,000 passages to all", grown, GROWTH, " MB")
    verdict.finish()


if __name__ == "__main__":
    main()
