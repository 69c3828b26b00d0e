"""`qa-bench verify` over the records of DPR's Table 2: the whole command.

    python benchmarks/verifying.py [--times 5]

Writes records and per-question files of five systems on five sets, with as many questions as the
sets have, and figures some questions from the published ones. The peer's rule for the same,
pyserini's ``math.isclose(score, expected, abs_tol=2e-2)`` in per cent, is counted beside.
"""

from __future__ import annotations

import argparse
import math
import shutil
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import common

MOST = 2.0
NAME = "dpr_table2"
SYSTEMS = ("bm25", "dpr_single", "hybrid_single", "dpr_multi", "hybrid")
SIZES = {"nq": 3610, "triviaqa": 11313, "webq": 2032, "curatedtrec": 694, "squad": 10570}
KS = (1, 5, 20, 100)


def write(results: Path) -> None:
    """A record and a per-question file of each system on each set."""
    from hydra import compose, initialize_config_dir

    from qa_bench.line.published import repeats_of
    from qa_bench.parts import make
    from qa_bench.paths import CONF, register_resolvers
    from qa_bench.report.comparable import compared
    from qa_bench.report.counts import counts
    from qa_bench.report.record import Record, save
    from qa_bench.types import Heading

    register_resolvers()
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        for place, system in enumerate(SYSTEMS):
            for dataset, n in SIZES.items():
                config = compose("config", [f"retriever={system}", f"dataset={dataset}"])
                same, unlike = repeats_of(dataset, make("retriever", config.retriever))
                record = Record(
                    system=system,
                    dataset=dataset,
                    split="test",
                    n=n,
                    match="regex" if dataset == "curatedtrec" else "string",
                    mode="dpr",
                    questions="0" * 8,
                    published_set=True,
                    corpus="psgs_w100",
                    published_corpus=True,
                    passages_key="a" * 32,
                    values={f"answer_recall@{k}": 0.5 for k in KS},
                    headings={f"answer_recall@{k}": Heading(f"Top-{k}") for k in KS},
                    published_as=same,
                    published_unlike=unlike,
                    place=place,
                )
                rows = {"qid": [f"{dataset}-{i}" for i in range(n)], "question": ["q"] * n}
                rows |= {"answers": ['["a"]'] * n, "first_rank": [1] * n}
                for number, k in enumerate(KS):
                    right = n // 2
                    for figure in compared(record, f"answer_recall@{k}")[:1]:
                        right = counts(figure.value, n)[0] + (place + number) % 4
                    record.values[f"answer_recall@{k}"] = right / n
                    rows[f"answer_recall@{k}"] = [1.0] * right + [0.0] * (n - right)
                save(record, results, NAME, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=5)
    arguments = parser.parse_args()
    verdict = common.Verdict("qa-bench verify over the records of DPR's Table 2")
    work = common.work_folder("verifying")
    shutil.rmtree(work)
    write(work / "results")
    command = [sys.executable, "-m", "qa_bench", "verify", f"name={NAME}"]
    seconds, outputs = [], set()
    for _ in range(arguments.times):
        start = time.perf_counter()
        done = subprocess.run(command, cwd=work, capture_output=True, text=True)
        seconds.append(time.perf_counter() - start)
        outputs.add((done.returncode, done.stdout))
    ((status, output),) = outputs or {(2, "")}
    if status not in (0, 1):
        sys.exit(f"verify failed:\n{done.stderr}")
    lines = [line for line in output.splitlines() if line.split()[0] in ("OK", "CLOSE", "OFF")]
    print(output.splitlines()[-1])
    told = Counter(line.split()[0] for line in lines)
    isclose = sum(
        math.isclose(float(words[words.index("published") - 1]),
                     float(words[words.index("published") + 1]), abs_tol=2e-2)
        for words in (line.split() for line in lines)
    )  # fmt: skip
    print(f"{len(lines)} cells compared; pyserini's rule passes {isclose}, ours {told['OK']} as OK")
    verdict.at_most("the whole command, median", statistics.median(seconds), MOST, " s")
    verdict.finish()


if __name__ == "__main__":
    main()
