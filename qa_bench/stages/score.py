"""run (and passages) or predictions ─score─► one value a question and metric."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from qa_bench.engine.context import Context
from qa_bench.engine.digests import digest
from qa_bench.engine.stage import run_stage
from qa_bench.errors import UserError
from qa_bench.metric.evidence import Evidence
from qa_bench.metric.matching import degenerate
from qa_bench.protocols import Metric
from qa_bench.store.columns import write_columns
from qa_bench.store.passages import Passages, open_passages
from qa_bench.store.runs import RUN_FILE, read_run
from qa_bench.types import Folder, Qrels, QuestionSet

VERSION = 2
SCORES_FILE = "scores.parquet"


def score(
    questions: QuestionSet,
    metrics: Mapping[str, Metric],
    mode: str,
    name: str,
    context: Context,
    *,
    run: Folder | None = None,
    passages: Folder | None = None,
    predictions: dict[str, str] | None = None,
    depth: int | None = None,
    source: str = "run",
    read: int | None = None,
) -> Folder:
    """Per-question values of every metric that applies to what is given.

    ``scores.parquet`` has a row a question, in the set's order: ``qid``, ``answers`` (a JSON list)
    and ``first_rank`` (0 where no passage has an answer) where the set has answers, and a column a
    metric. The manifest's counts hold their means.

    Raises:
        UserError: a run that names passages the corpus lacks; or no metric applies.
    """

    def build(folder: Path) -> dict[str, Any]:
        evidence = Evidence(
            questions,
            mode,
            read_run(run.path / RUN_FILE) if run else None,
            open_passages(passages.path) if passages else None,
            predictions,
            depth,
            source,
            read,
        )
        columns: dict[str, Any] = {"qid": [question.qid for question in questions]}
        if questions.qrels is None:
            columns["answers"] = [json.dumps(q.answers, ensure_ascii=False) for q in questions]
        if evidence.first_ranks is not None:
            columns["first_rank"] = evidence.first_ranks
        values: dict[str, Any] = {}
        for metric in metrics.values():
            values |= metric.score(evidence)
        if not values:
            given = "a run" if run else "predictions"
            wanted = "answers" if questions.qrels is None else "relevance judgements"
            raise UserError(
                f"none of the metrics ({', '.join(metrics)}) applies to {given} for "
                f"{questions.name} {questions.split}, which has {wanted}"
            )
        write_columns(folder / SCORES_FILE, columns | values)
        counts: dict[str, Any] = {
            "questions": len(questions),
            "means": {name: float(column.mean()) for name, column in values.items()},
            "degenerate_answers": sum(
                degenerate(question.answers, questions.match, mode) for question in questions
            ),
        }
        if predictions is not None:
            counts["without_prediction"] = sum(q.qid not in predictions for q in questions)
        if questions.qrels is not None and evidence.passages is not None:
            counts["relevant_absent"] = _absent(questions.qrels, evidence.passages)
        return counts

    inputs = {"questions": questions.digest, "ids": digest([q.qid for q in questions])}
    if run and passages:
        inputs |= {"run": run.key, "passages": passages.key}
    if predictions is not None:
        inputs["predictions"] = digest(predictions)
    return run_stage(
        "score",
        version=VERSION,
        slug=f"{questions.name}-{questions.split}-{name}",
        config={
            "match": questions.match,
            "mode": mode,
            "depth": depth,
            **({"read": read} if read is not None else {}),
            "metrics": {label: metric.identity for label, metric in metrics.items()},
        },
        inputs=inputs,
        build=build,
        **context.common,
    )


def _absent(qrels: Qrels, passages: Passages) -> int:
    """How many (question, relevant passage) pairs name a passage that the corpus lacks."""
    relevant = [pid for grades in qrels.values() for pid, grade in grades.items() if grade > 0]
    return int((passages.rows(pa.array(relevant, pa.string())) < 0).sum())
