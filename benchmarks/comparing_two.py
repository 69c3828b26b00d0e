"""`qa-bench compare` of two systems on TriviaQA's number of questions: the whole command.

    python benchmarks/comparing_two.py [--times 5]

Records and per-question files of two made-up settings of one engine are written first: 11,313
questions with answers, ten passages and seven metrics each, about 14 MB a system. Checked against
scipy: the questions that one alone gets, and McNemar's mid-p, at every k from 1 to 100.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import common
import numpy as np

MOST = 2.0
NAME, SYSTEMS = "triviaqa", ("bm25[k1=0.9]", "bm25[k1=3]")
QUESTIONS, PASSAGES, KS = 11313, 21_015_324, (1, 5, 20, 100)


def ranks(place: int) -> np.ndarray:
    """First ranks of a system; most questions are as hard for the one as for the other."""
    random = np.random.default_rng(1)
    hardness, own = random.normal(size=QUESTIONS), np.random.default_rng(2 + place)
    rank = np.ceil(np.exp(1.5 * hardness + 0.4 * own.normal(size=QUESTIONS) + 2 + 0.05 * place))
    return np.where(rank <= 100, rank, 0).astype(int)


def write(results: Path, place: int) -> np.ndarray:
    """The record and the per-question file of a system; its first ranks."""
    from qa_bench.report.record import Record, save
    from qa_bench.types import Heading

    rank, random = ranks(place), np.random.default_rng(9 + place)
    pids = np.random.default_rng(8).integers(1, PASSAGES, (QUESTIONS, 12))
    order = np.argsort(np.arange(12) + random.normal(scale=0.8, size=pids.shape), axis=1)
    best = np.take_along_axis(pids, order, axis=1)[:, :10].tolist()
    words = [f"word{number}" for number in range(2000)]
    chosen = np.random.default_rng(7).integers(0, len(words), (QUESTIONS, 40))
    texts = [[words[word] for word in row] for row in chosen.tolist()]
    values = {f"answer_recall@{k}": ((rank > 0) & (rank <= k)).astype(float) for k in KS}
    values["mrr"] = np.where(rank > 0, 1 / np.maximum(rank, 1), 0.0)
    values["em"] = values["answer_recall@5"] * (random.random(QUESTIONS) < 0.5)
    values["f1"] = np.maximum(values["em"], random.random(QUESTIONS).round(1) * 0.5)
    rows = {
        "qid": [f"triviaqa-test-{number}" for number in range(QUESTIONS)],
        "question": [f"Which {' '.join(row[:12])}?" for row in texts],
        "answers": [json.dumps([" ".join(row[n : n + 2]) for n in range(12, 40, 2)])
                    for row in texts],
        "prediction": [" ".join(row[:2]) for row in texts],
        "first_rank": rank.tolist(),
        "first_pid": [str(number) for number in rank.tolist()],
        "passages": [
            json.dumps([{"rank": n + 1, "pid": str(pid), "title": f"Article {pid % 5_000_000}"}
                        for n, pid in enumerate(row)])
            for row in best
        ],
        **{metric: column.tolist() for metric, column in values.items()},
    }  # fmt: skip
    record = Record(
        system=SYSTEMS[place],
        dataset="triviaqa",
        split="test",
        n=QUESTIONS,
        match="string",
        mode="dpr",
        questions="0" * 8,
        published_set=True,
        corpus="psgs_w100",
        published_corpus=True,
        passages_key="a" * 32,
        values={metric: float(column.mean()) for metric, column in values.items()},
        headings={f"answer_recall@{k}": Heading(f"Top-{k}") for k in KS},
        place=place,
        key=str(place) * 16,
    )
    save(record, results, NAME, rows)
    return rank


def mid_p(b: int, c: int) -> float:
    """Two-sided mid-p by scipy's binomial distribution."""
    from scipy.stats import binom

    low, n = min(b, c), b + c
    return 1.0 if b == c else min(1.0, 2 * binom.cdf(low, n, 0.5) - binom.pmf(low, n, 0.5))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=5)
    arguments = parser.parse_args()
    verdict = common.Verdict("qa-bench compare of two systems on TriviaQA")
    work = common.work_folder("comparing_two")
    shutil.rmtree(work)
    first, second = (write(work / "results", place) for place in range(2))
    words = ["compare", f"name={NAME}", *(f"{n}={s}" for n, s in zip("ab", SYSTEMS, strict=True))]
    command = [sys.executable, "-m", "qa_bench", *words]
    seconds, cpu = [], []
    for _ in range(arguments.times):
        with common.clock() as clock:
            subprocess.run(command, cwd=work, capture_output=True, check=True)
        seconds.append(clock.seconds)
        cpu.append(clock.cpu)
    done = subprocess.run([*command, "--json"], cwd=work, capture_output=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    start = time.perf_counter()
    wrong = 0
    for line in lines:
        if not line["metric"].startswith("answer_recall"):
            continue
        a, b = ((one > 0) & (one <= line["k"]) for one in (first, second))
        alone = int((a & ~b).sum()), int((b & ~a).sum())
        right = (line["a_only"], line["b_only"]) == alone
        wrong += not (right and abs(line["p"] - mid_p(*alone)) < 1e-9)
    print(f"{len(lines)} lines, {wrong} other than scipy's ({time.perf_counter() - start:.2f} s)")
    print(f"CPU {statistics.median(cpu):.2f} s, best of {arguments.times}: {min(seconds):.2f} s")
    verdict.same("wins, losses and p at every k", wrong == 0)
    verdict.at_most("the whole command, median", statistics.median(seconds), MOST, " s")
    verdict.finish()


if __name__ == "__main__":
    main()
