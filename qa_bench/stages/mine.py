"""questions + run + passages (+ gold paragraphs, + what scores pairs) ─mine─► training data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from qa_bench.engine.context import Context
from qa_bench.engine.stage import Stage
from qa_bench.errors import UserError
from qa_bench.formats.dpr_training import write_examples
from qa_bench.stages.expand import question_digest
from qa_bench.stages.pair_scores import PairScores
from qa_bench.store.passages import open_passages
from qa_bench.store.runs import RUN_FILE, read_run
from qa_bench.train.golds import Golds
from qa_bench.train.mining import Miner, Mining, Teacher
from qa_bench.train.rules import published
from qa_bench.types import Folder, QuestionSet, Step

VERSION = 3


def file_name(questions: QuestionSet) -> str:
    """How the training file of a set is called."""
    return f"{questions.name}-{questions.split}.json"


def mine(
    questions: QuestionSet,
    run: Stage,
    passages: Stage,
    golds: Golds,
    mining: Mining,
    name: str,
    context: Context,
    scores: PairScores | None = None,
) -> Stage:
    """Training data of a run, in ``<dataset>-<split>.json``.

    Args:
        questions: the set.
        run: what was retrieved for it.
        passages: what the run's pids name.
        golds: gold paragraphs, where some are known.
        mining: what is mined.
        name: of the system that made the run: the teacher's.
        context: where and how.
        scores: scores pairs that are no hits, where somebody can.

    Raises:
        UserError: all passages are to be scored, and nobody can.
    """
    if mining.scored and scores is None:
        raise UserError(
            f"mine.scores: {name} cannot score a passage that it did not find: take a retriever "
            "that can (a bi-encoder, BM25, SPLADE), or a reranker that looks at one pair at a time"
        )
    used = scores if mining.scored or mining.choice.by_positive else None
    label = f"{questions.name}_{questions.split}_{passages.slug}"

    def build(folder: Path, inputs: Mapping[str, Folder]) -> dict[str, Any]:
        hits = read_run(inputs["run"].path / RUN_FILE)
        collection = open_passages(inputs["passages"].path)
        teacher = used and Teacher(name, used.open(inputs, context.runtime), used.approximate)
        common = (questions, hits, collection, golds.of, mining, label, context.runtime)
        miner = Miner(*common, teacher)
        with (folder / file_name(questions)).open("w", encoding="utf-8") as file:
            write_examples(file, miner.examples())
        official = published(questions)
        return {**miner.counts, **({"published": official.trained} if official else {})}

    def digests() -> dict[str, str]:
        contents = context.digests.of(golds.files)
        return {
            "questions": questions.digest,
            "ids": question_digest(questions),
            **{f"gold{number}": content for number, content in enumerate(contents)},
            **(used.digests() if used else {}),
        }

    return Stage(
        "mine",
        VERSION,
        f"{questions.name}-{questions.split}-{name}",
        {
            **asdict(mining),
            "rules": list(mining.rules),
            "match": questions.match,
            **(used.config if used else {}),
            **({"teacher": name} if mining.scored else {}),
        },
        {"run": run, "passages": passages, **(used.inputs if used else {})},
        digests,
        build,
        lambda load: Step("mine", 0, None, "not known"),
    )
