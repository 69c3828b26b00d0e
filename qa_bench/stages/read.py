"""run ─read─► answers."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qa_bench.engine.context import Context
from qa_bench.engine.digests import digest
from qa_bench.engine.files import write_whole
from qa_bench.engine.stage import Stage
from qa_bench.protocols import Reader
from qa_bench.stages.rerank import hit_step
from qa_bench.store.passages import open_passages
from qa_bench.store.ranked import Ranked
from qa_bench.store.runs import RUN_FILE, read_run
from qa_bench.types import Answers, Folder, Load, QuestionSet, Step

log = logging.getLogger(__name__)

VERSION = 1
PREDICTIONS_FILE = "predictions.jsonl"
FAILED_FILE = "failed.jsonl"
_BYTES_PER_ANSWER = 60


def read(
    run: Stage,
    passages: Stage,
    questions: QuestionSet,
    reader: Reader,
    name: str,
    hits: int,
    context: Context,
) -> Stage:
    """An answer for every question, in ``predictions.jsonl`` as ``predictions=`` takes them.

    Questions that the reader marks as failed (``Answers.failed``) have none there and count as
    wrong; ``failed.jsonl`` says why. They are read anew the next time.

    Args:
        run: what is read.
        passages: the corpus.
        questions: the set.
        reader: the part.
        name: of the system.
        hits: of a question in the run, for the plan.
        context: where and how.
    """

    def build(folder: Path, inputs: Mapping[str, Folder]) -> dict[str, Any]:
        clock = time.perf_counter()
        hits = read_run(inputs["run"].path / RUN_FILE)
        collection = open_passages(inputs["passages"].path)
        ranked = Ranked.of(hits, collection, questions, reader.depth)
        answers = Answers.of(reader.read(ranked, context.runtime))
        seconds = round(time.perf_counter() - clock, 3)
        rows: list[dict[str, Any]] = [
            {"id": question.qid, "prediction": answer}
            | ({"cited": answers.cited[place]} if place in answers.cited else {})
            for place, (question, answer) in enumerate(zip(questions, answers, strict=True))
            if place not in answers.failed
        ]
        failed = [
            {"id": questions.questions[place].qid, "why": reason}
            for place, reason in answers.failed.items()
        ]
        write_whole(folder / PREDICTIONS_FILE, _lines(rows))
        write_whole(folder / FAILED_FILE, _lines(failed))
        if failed:
            log.warning(
                "read: %d of %d questions failed, count as wrong and are read again by the next "
                "run (first: %s): %s",
                len(failed),
                len(questions),
                failed[0]["why"],
                ", ".join(row["id"] for row in failed),
            )
        return {
            "questions": len(questions),
            "without_answer": sum(not row["prediction"] for row in rows),
            "failed": len(failed),
            "seconds": seconds,
            **answers.costs,
        }

    def digests() -> dict[str, str]:
        return {
            "questions": digest(
                [[q.qid, q.text, *(q.answers if reader.sees_answers else ())] for q in questions]
            ),
            **reader.sources(),
        }

    def plan(load: Load) -> Step:
        step = hit_step("read", reader, load, min(hits, reader.depth), context)
        return step._replace(disk=step.disk + load.questions * _BYTES_PER_ANSWER)

    return Stage(
        "read",
        VERSION,
        f"{questions.name}-{questions.split}-{name}",
        {"reader": reader.identity},
        {"run": run, "passages": passages},
        digests,
        build,
        plan,
    )


def read_answers(folder: Path) -> dict[str, str]:
    """The answer of every question that has one, by qid."""
    lines = (folder / PREDICTIONS_FILE).read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return {row["id"]: row["prediction"] for row in rows}


def read_cited(folder: Path) -> dict[str, list[int]]:
    """The ranks of the passages that answers name as theirs, by qid; empty where no reader asks."""
    lines = (folder / PREDICTIONS_FILE).read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return {row["id"]: row["cited"] for row in rows if "cited" in row}


def _lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
