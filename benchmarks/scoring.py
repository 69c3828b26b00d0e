"""Scoring: which passage of a run holds an answer first, ours against pyserini's.

    QA_BENCH_SHARED=<folder> python benchmarks/scoring.py [--pairs 3] [--profile]

The file is our own BM25 run on NQ test (3,610 questions, 100 passages each, texts inside, no
``has_answer``, so that both sides have to match). Reading the file is timed apart. Pyserini's side
is the loop of ``pyserini.eval.evaluate_dpr_retrieval.evaluate_retrieval`` with its own functions.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

import common

TARGET = 30


def retrieval_file(data: Path) -> Path:
    """Our run in pyserini's format: exported as DPR JSON, then rewritten without has_answer."""
    out = common.work_folder("scoring") / "nq-test.json"
    options = common.overrides(data, common.cache_folder())
    dpr = out.with_name("nq-test.dpr.json")
    common.qa_bench("export", *options, "what=run", "format=dpr", f"out={dpr}")
    entries = json.loads(dpr.read_text(encoding="utf-8"))
    converted = {
        str(number): {
            "question": entry["question"],
            "answers": entry["answers"],
            "contexts": [
                {"docid": c["id"], "score": c["score"], "text": f"{c['title']}\n{c['text']}"}
                for c in entry["ctxs"]
            ],
        }
        for number, entry in enumerate(entries)
    }
    out.write_text(json.dumps(converted, indent=4, ensure_ascii=False), encoding="utf-8")
    dpr.unlink()
    return out


def pyserini_first_hits(retrieval: dict[str, Any]) -> list[int]:
    """``evaluate_retrieval``'s loop; 0 for no hit, where it has the largest k."""
    from pyserini.eval.evaluate_dpr_retrieval import SimpleTokenizer, has_answers

    tokenizer = SimpleTokenizer()
    max_k = 100
    first = []
    for qid in retrieval:
        answers = retrieval[qid]["answers"]
        contexts = retrieval[qid]["contexts"]
        has_ans_idx = max_k
        for idx, ctx in enumerate(contexts):
            if idx >= max_k:
                break
            if "has_answer" in ctx:
                if ctx["has_answer"]:
                    has_ans_idx = idx
                    break
            else:
                text = ctx["text"].split("\n")[1]
                if has_answers(text, answers, tokenizer, False):
                    has_ans_idx = idx
                    break
        first.append(0 if has_ans_idx == max_k else has_ans_idx + 1)
    return first


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--profile", action="store_true", help="where our time goes")
    arguments = parser.parse_args()
    data = common.shared_data()
    common.need_peer("pyserini", "jnius")
    verdict = common.Verdict("scoring: first passage with an answer, NQ test, 3,610 × 100 passages")
    path = retrieval_file(data)
    print(f"file: {path.stat().st_size / 1e6:.0f} MB")

    from qa_bench.formats.runs import read_run_file
    from qa_bench.metric.evidence import Evidence
    from qa_bench.metric.matching import answer_test
    from qa_bench.store.passages import Passages, describe_passages, write_passages

    questions = common.line(common.overrides(data, common.cache_folder())).questions
    with common.clock() as theirs_reading:
        retrieval = json.load(path.open(encoding="utf-8"))
    store = common.work_folder("scoring")
    with common.clock() as ours_reading:
        foreign = read_run_file(path, questions)
        write_passages(store / "passages-00000.arrow", foreign.passages)
        describe_passages(store, [store / "passages-00000.arrow"])
    print(
        f"reading the file: ours {ours_reading.seconds:.2f} s (checked, passages into the store), "
        f"theirs {theirs_reading.seconds:.2f} s (json.load)"
    )
    found: dict[str, list[int]] = {}
    cpu: dict[str, list[float]] = {"ours": [], "theirs": []}

    def ours() -> float:
        with common.clock() as measured:
            passages = Passages(store)
            ranks = Evidence(questions, "pyserini", foreign.run, passages).first_ranks
        found["ours"] = ranks.tolist()
        cpu["ours"].append(measured.cpu)
        return measured.seconds

    def in_memory() -> float:
        with common.clock() as measured:
            first = []
            for question, entry in zip(questions, retrieval.values(), strict=True):
                test = answer_test(question.answers, questions.match, "pyserini")
                texts = (context["text"].partition("\n")[2] for context in entry["contexts"])
                first.append(next((rank for rank, t in enumerate(texts, 1) if test(t)), 0))
        found["in memory"] = first
        return measured.seconds

    def theirs() -> float:
        with common.clock() as measured:
            found["theirs"] = pyserini_first_hits(retrieval)
        cpu["theirs"].append(measured.cpu)
        return measured.seconds

    if arguments.profile:
        import cProfile
        import pstats

        with cProfile.Profile() as profile:
            ours()
        pstats.Stats(profile).sort_stats("tottime").print_stats(15)
        return
    direct: list[float] = []

    def ours_repeated() -> float:
        direct.append(statistics.median(in_memory() for _ in range(3)))
        return statistics.median(ours() for _ in range(5))  # one run is short against theirs

    measured = common.pairs(arguments.pairs, ours_repeated, theirs)
    own, other = common.medians(measured)
    memory = statistics.median(direct)
    print(f"scoring: ours {own:.3f} s, on texts in memory {memory:.3f} s, theirs {other:.2f} s")
    print(f"on texts in memory: {other / memory:.1f}×")
    own, other = (statistics.median(cpu[side]) for side in ("ours", "theirs"))
    print(f"CPU: ours {own:.2f} s, theirs {other:.2f} s, {other / own:.1f}×")
    verdict.same("first hit of every question", found["ours"] == found["theirs"])
    verdict.same("the same on texts in memory", found["in memory"] == found["theirs"])
    verdict.at_least("scoring, theirs / ours", common.median_ratio(measured), TARGET)
    verdict.finish()


if __name__ == "__main__":
    main()
