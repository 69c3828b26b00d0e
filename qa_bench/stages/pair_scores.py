"""Who can tell the score of any pair: the retriever or the reranker that made a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from qa_bench.engine.stage import Stage
from qa_bench.protocols import PairScorer, Pointwise
from qa_bench.stages.fuse import PartRun
from qa_bench.stages.index import indexed, indexes
from qa_bench.store.passages import open_passages
from qa_bench.store.ranked import Ranked
from qa_bench.types import Folder, QuestionSet, Runtime

Score = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From places of questions, ascending, and rows of passages: float32 scores, all (pairs,)."""


class PairScores(NamedTuple):
    """A stage's ingredients for scoring pairs.

    Attributes:
        inputs: the stages it looks into, ``passages`` left out.
        config: what of it belongs into the key.
        digests: content hashes that do.
        open: gives the function that scores, once the inputs are there.
        approximate: whether the run's scores are others.
    """

    inputs: Mapping[str, Stage]
    config: Mapping[str, Any]
    digests: Callable[[], Mapping[str, str]]
    open: Callable[[Mapping[str, Folder], Runtime], Score]
    approximate: bool = False


def of_retriever(part: PartRun) -> PairScores | None:
    """Scores by a retriever; None where it tells those of its hits alone."""
    scorer = part.retriever
    if not isinstance(scorer, PairScorer):
        return None

    def opened(inputs: Mapping[str, Folder], runtime: Runtime) -> Score:
        collection, questions = open_passages(inputs["passages"].path), part.wording.open(inputs)
        folder, parts = inputs["index"].path, indexed(part.parts, inputs)
        return lambda places, rows: scorer.score(
            folder, collection, questions, places, rows, runtime, **parts
        )

    return PairScores(
        {"index": part.index, **indexes(part.parts), **part.wording.inputs},
        {"scorer": scorer.identity, **part.wording.config},
        scorer.search_sources,
        opened,
        scorer.approximate,
    )


def of_reranker(reranker: Any, questions: QuestionSet) -> PairScores | None:
    """Scores by a reranker; None where they depend on a hit's rank or its neighbours."""
    part = reranker
    if not isinstance(part, Pointwise) or not part.pointwise:
        return None

    def opened(inputs: Mapping[str, Folder], runtime: Runtime) -> Score:
        collection = open_passages(inputs["passages"].path)

        def score(places: np.ndarray, rows: np.ndarray) -> np.ndarray:
            texts, titles = collection.texts(rows), collection.titles(rows)
            unknown = np.full(len(rows), np.nan, dtype=np.float32)
            pairs = Ranked(questions, places, rows, unknown, texts, titles)
            return np.asarray(reranker.rerank(pairs, runtime), dtype=np.float32)

        return score

    return PairScores({}, {"scorer": reranker.identity}, reranker.sources, opened)
