"""run ─rerank─► run."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from qa_bench.engine.context import Context
from qa_bench.engine.stage import run_stage
from qa_bench.errors import UserError
from qa_bench.protocols import Reranker
from qa_bench.stages.search import asked
from qa_bench.store.passages import open_passages
from qa_bench.store.ranked import Ranked
from qa_bench.store.runs import RUN_FILE, read_run, write_run
from qa_bench.types import Folder, QuestionSet, Run

VERSION = 1
BESIDE_FILE = "beside.parquet"


def rerank(
    run: Folder,
    passages: Folder,
    questions: QuestionSet,
    reranker: Reranker,
    name: str,
    depth: int,
    context: Context,
) -> Folder:
    """The best ``depth`` of the hits the reranker looked at, by its scores; ties in corpus order.

    ``beside.parquet`` has, hit by hit of the run, what the retriever said: ``rank`` and ``score``.

    Raises:
        UserError: a score is not a number.
    """

    def build(folder: Path) -> dict[str, Any]:
        clock = time.perf_counter()
        collection = open_passages(passages.path)
        ranked = Ranked.of(read_run(run.path / RUN_FILE), collection, questions, reranker.depth)
        scores = reranker.rerank(ranked, context.runtime).astype(np.float32)
        if np.isnan(scores).any():
            bad = questions.questions[int(ranked.asked[np.isnan(scores).argmax()])].qid
            raise UserError(f"the reranker gave a passage of question '{bad}' no number")
        order = np.lexsort((ranked.rows, -scores, ranked.asked))
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
        ranks = best - starts[ranked.asked[best]] + 1
        seconds = round(time.perf_counter() - clock, 3)
        write_run(folder / RUN_FILE, reranked)
        beside = {"rank": ranks.astype(np.int32), "score": ranked.scores[best]}
        pq.write_table(pa.table(beside), folder / BESIDE_FILE)
        return {"reranked": len(ranked), "hits": len(reranked), "seconds": seconds}

    return run_stage(
        "rerank",
        version=VERSION,
        slug=f"{questions.name}-{questions.split}-{name}",
        config={"reranker": reranker.identity, "depth": depth},
        inputs={
            "run": run.key,
            "passages": passages.key,
            "questions": asked(questions),
            **reranker.sources(),
        },
        build=build,
        **context.common,
    )
