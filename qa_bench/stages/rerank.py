"""run ─rerank─► run."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from qa_bench.engine.context import Context
from qa_bench.engine.stage import Stage
from qa_bench.errors import UserError
from qa_bench.protocols import PlannedHits, Reranker
from qa_bench.stages.expand import question_digest
from qa_bench.store.passages import open_passages
from qa_bench.store.ranked import Ranked
from qa_bench.store.runs import RUN_FILE, read_run, write_run
from qa_bench.types import Folder, Load, QuestionSet, Run, Step

VERSION = 1
BESIDE_FILE = "beside.parquet"
_BYTES_PER_HIT = 13


def rerank(
    run: Stage,
    passages: Stage,
    questions: QuestionSet,
    reranker: Reranker,
    name: str,
    depth: int,
    hits: int,
    context: Context,
) -> Stage:
    """The best ``depth`` of the hits the reranker looked at, by its scores; ties in corpus order.

    ``beside.parquet`` has, hit by hit of the run, what the retriever said: ``rank`` and ``score``.

    Its build raises ``UserError`` where a hit has no score, or no finite one; -inf drops it.

    Args:
        run: what is reranked.
        passages: the corpus.
        questions: the set.
        reranker: the part.
        name: of the system.
        depth: of the new run.
        hits: of a question in the run, for the plan.
        context: where and how.
    """

    def build(folder: Path, inputs: Mapping[str, Folder]) -> dict[str, Any]:
        clock = time.perf_counter()
        collection = open_passages(inputs["passages"].path)
        hits = read_run(inputs["run"].path / RUN_FILE)
        ranked = Ranked.of(hits, collection, questions, reranker.depth)
        scores = np.asarray(reranker.rerank(ranked, context.runtime), dtype=np.float32)
        if scores.shape != (len(ranked),):
            raise UserError(
                f"the reranker gave scores of the shape {scores.shape}, not one for each of the "
                f"{len(ranked)} hits"
            )
        if (wrong := np.isnan(scores) | (scores == np.inf)).any():
            bad = questions.questions[int(ranked.question_rows[wrong.argmax()])].qid
            raise UserError(f"the reranker gave a passage of question '{bad}' no number")
        order = np.lexsort((ranked.rows, -scores, ranked.question_rows))
        places = [
            order[hits][: (scores[order[hits]] > -np.inf).sum()][:depth]
            for _, hits in ranked.groups()
        ]
        best = np.concatenate(places)
        reranked = Run.of_rows(
            [question.qid for question in questions],
            [ranked.rows[several] for several in places],
            [scores[several] for several in places],
            collection.pids,
        )
        starts = np.array([hits.start for _, hits in ranked.groups()])
        ranks = best - starts[ranked.question_rows[best]] + 1
        seconds = round(time.perf_counter() - clock, 3)
        write_run(folder / RUN_FILE, reranked)
        beside = {"rank": ranks.astype(np.int32), "score": ranked.scores[best]}
        pq.write_table(pa.table(beside), folder / BESIDE_FILE)
        return {"reranked": len(ranked), "hits": len(reranked), "seconds": seconds}

    def plan(load: Load) -> Step:
        looked_at = min(hits, reranker.depth)
        step = hit_step("rerank", reranker, load, looked_at, context)
        disk = load.questions * min(depth, looked_at) * _BYTES_PER_HIT
        return step._replace(disk=step.disk + disk)

    return Stage(
        "rerank",
        VERSION,
        f"{questions.name}-{questions.split}-{name}",
        {"reranker": reranker.identity, "depth": depth},
        {"run": run, "passages": passages},
        lambda: {"questions": question_digest(questions), **reranker.sources()},
        build,
        plan,
    )


def hit_step(name: str, part: Any, load: Load, hits: int, context: Context) -> Step:
    """The step of a part that looks at so many hits of every question."""
    if isinstance(part, PlannedHits):
        return part.plan(load.questions, hits, context.runtime)
    return Step(name, 0, None, "not known")
