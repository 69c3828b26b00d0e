"""questions + run + passages (+ gold paragraphs) ─mine─► training data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qa_bench.engine.context import Context
from qa_bench.engine.stage import Stage
from qa_bench.formats.dpr_training import write_examples
from qa_bench.stages.expand import question_digest
from qa_bench.store.passages import open_passages
from qa_bench.store.runs import RUN_FILE, read_run
from qa_bench.train.mining import Golds, Miner
from qa_bench.types import Folder, QuestionSet, Step

VERSION = 2


def file_name(questions: QuestionSet) -> str:
    """How the training file of a set is called."""
    return f"{questions.name}-{questions.split}.json"


def mine(
    questions: QuestionSet,
    run: Stage,
    passages: Stage,
    golds: Golds,
    mode: str,
    name: str,
    context: Context,
) -> Stage:
    """Training data of a run, by DPR's rules, in ``<dataset>-<split>.json``."""
    label = f"{questions.name}_{questions.split}_{passages.slug}"

    def build(folder: Path, inputs: Mapping[str, Folder]) -> dict[str, Any]:
        hits = read_run(inputs["run"].path / RUN_FILE)
        collection = open_passages(inputs["passages"].path)
        miner = Miner(questions, hits, collection, golds.of, mode, label, context.runtime)
        with (folder / file_name(questions)).open("w", encoding="utf-8") as file:
            write_examples(file, miner.examples())
        return dict(miner.counts)

    def digests() -> dict[str, str]:
        contents = context.digests.of(golds.files)
        return {
            "questions": questions.digest,
            "ids": question_digest(questions),
            **{f"gold{number}": content for number, content in enumerate(contents)},
        }

    return Stage(
        "mine",
        VERSION,
        f"{questions.name}-{questions.split}-{name}",
        {"mode": mode, "match": questions.match},
        {"run": run, "passages": passages},
        digests,
        build,
        lambda load: Step("mine", 0, None, "not known"),
    )
