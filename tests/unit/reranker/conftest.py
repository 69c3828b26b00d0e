"""Hits to rerank."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from reranker_models import MakeRanked

from qa_bench.store.ranked import Ranked
from qa_bench.types import Question, QuestionSet


@pytest.fixture
def make_ranked() -> MakeRanked:
    """``make_ranked({"who?": [0, 2]}, [("title", "text"), …])``: each question's rows."""

    def make(hits: dict[str, Sequence[int]], passages: Sequence[tuple[str, str]]) -> Ranked:
        questions = tuple(Question(f"q{n}", text, ()) for n, text in enumerate(hits))
        rows = np.array([row for some in hits.values() for row in some], dtype=np.int64)
        counts = [len(some) for some in hits.values()]
        scores = np.concatenate([np.zeros(0), *(np.arange(n, 0, -1) / 2 for n in counts)])
        return Ranked(
            QuestionSet("set", "test", "string", questions, digest="0" * 64),
            np.repeat(np.arange(len(counts)), counts),
            rows,
            scores.astype(np.float32),
            [passages[row][1] for row in rows],
            [passages[row][0] for row in rows],
        )

    return make
