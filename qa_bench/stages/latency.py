"""index + some questions ─latency─► seconds of each, searched one by one."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from qa_bench.engine.context import Context
from qa_bench.engine.stage import Stage
from qa_bench.protocols import Retriever
from qa_bench.runtime.progress import progress, without_bars
from qa_bench.runtime.warm import warm
from qa_bench.stages.expand import Wording
from qa_bench.stages.index import Parts, indexed, indexes, steps
from qa_bench.store.passages import open_passages
from qa_bench.types import Folder, Load, QuestionSet, Step

VERSION = 1


def latency(
    index: Stage,
    passages: Stage,
    wording: Wording,
    retriever: Retriever,
    name: str,
    depth: int,
    parts: Parts,
    sample: int,
    context: Context,
) -> Stage:
    """How long single questions take; the manifest's count ``seconds`` has a figure for each.

    A search of all questions tells none of that: it is one batch. What a service would have open,
    the model and the index, is opened before; the first question is searched twice, and only the
    second time counts. The folder holds nothing else: times are no result.

    Args:
        index: of the retriever.
        passages: the corpus.
        wording: what is searched with.
        retriever: the part.
        name: of it.
        depth: hits a question.
        parts: the retrievers that it is built on.
        sample: so many questions, spread evenly over the set.
        context: where and how.
    """
    questions = wording.questions

    def build(folder: Path, inputs: Mapping[str, Folder]) -> dict[str, Any]:
        worded = wording.open(inputs)
        collection = open_passages(inputs["passages"].path)
        parts_of = indexed(parts, inputs)

        def seconds(question: QuestionSet) -> float:
            clock = time.perf_counter()
            place = inputs["index"].path
            retriever.search(place, collection, question, depth, context.runtime, **parts_of)
            return round(time.perf_counter() - clock, 6)

        several = singles(worded, sample)
        times = []
        bar = progress(len(several), "latency", "questions", context.runtime)
        with bar, warm(), without_bars():
            for question in several[:1] + several:
                times.append(seconds(question))
                bar.update(int(len(times) > 1))
        return {"questions": len(several), "seconds": times[1:]}

    def plan(load: Load) -> Step:
        step = steps(retriever, load, depth, context)[1]
        share = min(sample, load.questions) / max(load.questions, 1)
        seconds = None if step.seconds is None else step.seconds * share
        return step._replace(name="latency", disk=0, seconds=seconds)

    return Stage(
        "latency",
        VERSION,
        f"{questions.name}-{questions.split}-{name}",
        {"retriever": retriever.identity, "depth": depth, "sample": sample, **wording.config},
        {"passages": passages, "index": index, **indexes(parts), **wording.inputs},
        lambda: {"questions": wording.digest(), **retriever.search_sources()},
        build,
        plan,
        wording.titled(f"latency {name}"),
    )


def singles(questions: QuestionSet, count: int) -> list[QuestionSet]:
    """At most so many of the questions, spread evenly, each as a set of its own."""
    whole = len(questions)
    count = min(count, whole)
    return [
        replace(
            questions,
            questions=questions.questions[at : at + 1],
            beside=questions.beside[at : at + 1],
            rest=(),
        )
        for at in (number * whole // count for number in range(count))
    ]
