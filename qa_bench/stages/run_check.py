"""What a retriever's run must be, whoever wrote the retriever."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from qa_bench.errors import UserError
from qa_bench.store.passages import Passages
from qa_bench.store.runs import first_hits, rising, rows_of
from qa_bench.types import QuestionSet, Run


def check_run(
    run: Any, retriever: object, questions: QuestionSet, depth: int, passages: Passages
) -> None:
    """Refuse a run whose figures would mean nothing.

    Args:
        run: what the retriever returned.
        retriever: by whose class it is told.
        questions: the set that was searched for.
        depth: the most hits of a question.
        passages: the corpus.

    Raises:
        UserError: no ``Run``; a question the set lacks, or not in the set's order; more than
            ``depth`` hits; ranks that do not count from 1; a passage that the corpus lacks, or
            twice; a score that is not finite, or higher than the one before it.
    """
    who = f"retriever ({type(retriever).__module__}.{type(retriever).__qualname__})"
    if not isinstance(run, Run):
        raise UserError(f"{who}: search must return a Run, it returned {type(run).__name__}")
    if not len(run):
        return
    qids = [question.qid for question in questions]
    column = run.table.column("qid").combine_chunks().cast(pa.string())
    places = pc.index_in(column, value_set=pa.array(qids, pa.string()))
    if places.null_count:
        stranger = column.filter(pc.is_null(places))[0].as_py()
        raise UserError(f"{who}: the run has hits of '{stranger}', no question of the set")
    owners = places.to_numpy(zero_copy_only=False).astype(np.int64)

    def refuse(bad: np.ndarray, what: str) -> None:
        if bad.any():
            raise UserError(f"{who}: question '{qids[owners[bad.argmax()]]}' {what}")

    refuse(np.diff(owners, prepend=0) < 0, "is not where the set has it: keep the set's order")
    counts = np.bincount(owners, minlength=len(qids))
    if counts.max() > depth:
        place = int((counts > depth).argmax())
        raise UserError(
            f"{who}: question '{qids[place]}' has {counts[place]} hits, depth is {depth}"
        )
    starts = np.flatnonzero(first_hits(run))
    within = np.arange(len(run)) - np.repeat(starts, np.diff(starts, append=len(run)))
    ranks = run.table.column("rank").to_numpy()
    refuse(ranks != within + 1, "has ranks that do not count from 1")
    scores = run.table.column("score").to_numpy()
    refuse(~np.isfinite(scores), "has a score that is not finite")
    refuse(rising(run), "has scores that rise: the best passage is first, with the highest")
    keys = owners * len(passages) + rows_of(run, passages, who)
    order = np.argsort(keys, kind="stable")
    twice = np.zeros(len(run), dtype=bool)
    twice[order[1:]] = keys[order[1:]] == keys[order[:-1]]
    refuse(twice, "has a passage twice")
