"""run (and passages) or answers ─score─► one value a question and metric."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from qa_bench.engine.context import Context
from qa_bench.engine.digests import digest
from qa_bench.engine.stage import Stage
from qa_bench.errors import UserError
from qa_bench.metric.evidence import Evidence
from qa_bench.metric.matching import degenerate
from qa_bench.protocols import Metric
from qa_bench.stages.read import read_answers, read_cited
from qa_bench.store.columns import write_columns
from qa_bench.store.passages import Passages, open_passages
from qa_bench.store.runs import RUN_FILE, read_run, rows_of
from qa_bench.types import Folder, Load, Qrels, QuestionSet, Run, Step

VERSION = 4
SCORES_FILE = "scores.parquet"
BEST = 10
"""How many of a question's passages are named beside its values."""
_HITS_PER_S = 370_000
_BYTES_PER_QUESTION = 300


def score(
    questions: QuestionSet,
    metrics: Mapping[str, Metric],
    mode: str,
    name: str,
    context: Context,
    *,
    run: Stage | None = None,
    passages: Stage | None = None,
    answers: Stage | None = None,
    predictions: dict[str, str] | None = None,
    depth: int | None = None,
    source: str = "run",
    read: int | None = None,
    collection: Literal["corpus", "articles", "hits"] = "corpus",
) -> Stage:
    """Per-question values of every metric that applies to what is given.

    ``scores.parquet`` has a row a question, in the set's order: ``qid``, ``answers`` (a JSON list),
    ``first_rank`` (0 where no passage has an answer) and ``first_pid`` (empty there) where the set
    has answers, ``prediction`` where there are any, ``passages`` (a JSON list of the best, each
    with ``rank``, ``pid`` and ``title``) where there is a run, and a column a metric. The
    manifest's counts hold their means.

    Its build raises ``UserError`` for a run that names passages the corpus lacks, and where no
    metric applies.

    Args:
        questions: the set.
        metrics: by their names in the configuration.
        mode: whose matching rules.
        name: of the system.
        context: where and how.
        run: what was retrieved, with ``passages``.
        passages: the corpus, or the stage of a foreign run that holds its own.
        answers: the read stage.
        predictions: somebody else's answers by qid, instead.
        depth: how deep the run goes; None where that is not known.
        source: what error messages call the run.
        read: how many hits of a question the reader saw.
        collection: what the passages hold, see ``Evidence``.
    """

    def build(folder: Path, inputs: Mapping[str, Folder]) -> dict[str, Any]:
        answer_of = read_answers(inputs["answers"].path) if answers else predictions
        evidence = Evidence(
            questions,
            mode,
            read_run(inputs["run"].path / RUN_FILE) if run else None,
            open_passages(inputs["passages"].path) if passages else None,
            answer_of,
            depth,
            source,
            read,
            read_cited(inputs["answers"].path) if answers else None,
            collection,
            context.runtime,
        )
        columns: dict[str, Any] = {"qid": [question.qid for question in questions]}
        if questions.qrels is None:
            columns["answers"] = [json.dumps(q.answers, ensure_ascii=False) for q in questions]
        if answer_of is not None:
            columns["prediction"] = [answer_of.get(question.qid) for question in questions]
        if evidence.first_ranks is not None and evidence.ranked is not None:
            columns["first_rank"] = evidence.first_ranks
            columns["first_pid"] = [
                evidence.ranked[question.qid][rank - 1] if rank else ""
                for question, rank in zip(questions, evidence.first_ranks.tolist(), strict=True)
            ]
        if evidence.run is not None and evidence.passages is not None:
            columns["passages"] = _best(questions, evidence.run, evidence.passages, source)
        values: dict[str, Any] = {}
        metric_of: dict[str, str] = {}
        for label, metric in metrics.items():
            of_metric = metric.score(evidence)
            values |= of_metric
            metric_of |= dict.fromkeys(of_metric, label)
        if not values:
            what = "a run" if run else "predictions"
            judgements = "answers" if questions.qrels is None else "relevance judgements"
            raise UserError(
                f"none of the metrics ({', '.join(metrics)}) applies to {what} for "
                f"{questions.name} {questions.split}, which has {judgements}"
            )
        write_columns(folder / SCORES_FILE, columns | values)
        counts: dict[str, Any] = {
            "questions": len(questions),
            "means": {name: float(column.mean()) for name, column in values.items()},
            "metrics": metric_of,
            "degenerate_answers": sum(
                degenerate(question.answers, questions.match, mode) for question in questions
            ),
        }
        if evidence.remarks:
            counts["remarks"] = evidence.remarks
        if evidence.failed:
            counts["failed"] = len(set(evidence.failed))
        if answer_of is not None:
            counts["without_prediction"] = sum(q.qid not in answer_of for q in questions)
        if questions.qrels is not None and evidence.passages is not None:
            counts["relevant_absent"] = _absent(questions.qrels, evidence.passages)
        return counts

    def digests() -> dict[str, str]:
        return {
            "questions": questions.digest,
            "ids": digest([q.qid for q in questions]),
            **({"predictions": digest(predictions)} if predictions is not None else {}),
            **{
                f"{label}.{name}": content
                for label, metric in metrics.items()
                for name, content in metric.sources().items()
            },
        }

    def plan(load: Load) -> Step:
        hits = load.questions * (depth or 0)
        disk = load.questions * _BYTES_PER_QUESTION
        return Step("score", disk, hits / _HITS_PER_S, "0.3 GB")

    stages = {"run": run, "passages": passages, "answers": answers}
    return Stage(
        "score",
        VERSION,
        f"{questions.name}-{questions.split}-{name}",
        {
            "match": questions.match,
            "mode": mode,
            "depth": depth,
            **({"read": read} if read is not None else {}),
            "metrics": {label: metric.identity for label, metric in metrics.items()},
        },
        {label: stage for label, stage in stages.items() if stage is not None},
        digests,
        build,
        plan,
    )


def _best(questions: QuestionSet, run: Run, passages: Passages, source: str) -> list[str]:
    """The best passages of each question, as a JSON list; ``[]`` where nothing was found."""
    rows, slices = rows_of(run, passages, source), run.slices()
    best = [
        range(hits.start, min(hits.stop, hits.start + BEST))
        for question in questions
        for hits in [slices.get(question.qid, slice(0, 0))]
    ]
    flat = np.array([place for places in best for place in places], dtype=np.int64)
    pids = run.table.column("pid").take(flat).to_pylist()
    named = zip(pids, passages.titles(rows[flat]), strict=True)
    return [
        json.dumps(
            [
                {"rank": place - places.start + 1, "pid": pid, "title": title}
                for place, (pid, title) in zip(places, named, strict=False)
            ],
            ensure_ascii=False,
        )
        for places in best
    ]


def _absent(qrels: Qrels, passages: Passages) -> int:
    """How many (question, relevant passage) pairs name a passage that the corpus lacks."""
    relevant = [pid for grades in qrels.values() for pid, grade in grades.items() if grade > 0]
    return int((passages.rows(pa.array(relevant, pa.string())) < 0).sum())
