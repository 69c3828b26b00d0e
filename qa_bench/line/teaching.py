"""Who can score pairs for a line's run."""

from __future__ import annotations

from qa_bench.line.line import Line
from qa_bench.stages.pair_scores import PairScores, of_reranker, of_retriever


def pair_scores(line: Line) -> PairScores | None:
    """The reranker, or the retriever where there is none; None where neither can.

    A run that came from elsewhere, one fused of several searches, and a hybrid's have scores of
    their hits alone.
    """
    if line.reranker is not None:
        return of_reranker(line.reranker, line.questions)
    if line.config.run is not None or len(line.retrievals) != 1:
        return None
    (retrieval,) = line.retrievals.values()
    part = retrieval.part_run(line.depth)
    return None if part is None else of_retriever(part)
