"""questions + run + passages (+ gold paragraphs) ─mine─► training data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qa_bench.engine.digests import digest
from qa_bench.engine.stage import run_stage
from qa_bench.formats.dpr_training import write_examples
from qa_bench.line.line import Line
from qa_bench.train.mining import Golds, Miner
from qa_bench.types import Folder, QuestionSet

VERSION = 1


def file_name(questions: QuestionSet) -> str:
    """How the training file of a set is called."""
    return f"{questions.name}-{questions.split}.json"


def mine(line: Line, mode: str, golds: Golds) -> Folder:
    """The stage: training data of a run."""
    questions, run, context = line.questions, line.run, line.context
    label = f"{questions.name}_{questions.split}_{line.run_passages.manifest['slug']}"

    def build(folder: Path) -> dict[str, Any]:
        miner = Miner(line, mode, golds.of, label)
        with (folder / file_name(questions)).open("w", encoding="utf-8") as file:
            write_examples(file, miner.examples())
        return dict(miner.counts)

    return run_stage(
        "mine",
        version=VERSION,
        slug=f"{questions.name}-{questions.split}-{line.system.partition('[')[0]}",
        config={"mode": mode, "match": questions.match},
        inputs={
            "questions": questions.digest,
            "ids": digest([[question.qid, question.text] for question in questions]),
            "run": run.key,
            "passages": line.run_passages.key,
            **{f"gold{n}": value for n, value in enumerate(context.digests.of(golds.files))},
        },
        build=build,
        **context.common,
    )
