"""run (and passages) or predictions ─score─► one value a question and metric."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qa_bench.metric.evidence import Evidence
from qa_bench.metric.matching import degenerate
from qa_bench.parts import Part
from qa_bench.protocols import Metric
from qa_bench.stage import digest, run_stage
from qa_bench.stages.context import Context
from qa_bench.stages.search import RUN_FILE
from qa_bench.store import open_passages, read_run, write_columns
from qa_bench.types import Folder, QuestionSet

VERSION = 1
SCORES_FILE = "scores.parquet"


def score(
    questions: QuestionSet,
    metrics: Mapping[str, Part[Metric]],
    mode: str,
    name: str,
    context: Context,
    *,
    run: Folder | None = None,
    passages: Folder | None = None,
    predictions: dict[str, str] | None = None,
    depth: int | None = None,
    source: str = "run",
) -> Folder:
    """Per-question values of every metric that applies to what is given.

    ``scores.parquet`` has a row a question, in the set's order: ``qid``, ``first_rank`` (0 where
    no passage has an answer) and a column a metric. The manifest's counts hold their means.

    Raises:
        UserError: a run that names passages the corpus lacks.
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
        )
        columns: dict[str, Any] = {"qid": [question.qid for question in questions]}
        if evidence.first_ranks is not None:
            columns["first_rank"] = evidence.first_ranks
        values: dict[str, Any] = {}
        for metric in metrics.values():
            values |= metric.made.score(evidence)
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
            "metrics": {label: metric.config for label, metric in metrics.items()},
        },
        inputs=inputs,
        build=build,
        **context.common,
    )
