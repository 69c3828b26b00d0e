"""Questions with hits made by hand, as rerankers and readers are given them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qa_bench.store.ranked import Ranked
from qa_bench.types import Question, QuestionSet


def ranked(questions: Sequence[str], hits: Sequence[Sequence[tuple[str, str]]]) -> Ranked:
    """Each question with its (title, text) hits; equal passages have equal rows."""
    rows: dict[tuple[str, str], int] = {}
    flat = [hit for of_question in hits for hit in of_question]
    for hit in flat:
        rows.setdefault(hit, len(rows))
    made = tuple(Question(f"q{n}", text, ("x",)) for n, text in enumerate(questions))
    return Ranked(
        QuestionSet("set", "test", "string", made, digest="0" * 64),
        np.repeat(np.arange(len(hits)), [len(one) for one in hits]).astype(np.int64),
        np.array([rows[hit] for hit in flat], dtype=np.int64),
        np.zeros(len(flat), dtype=np.float32),
        [text for _, text in flat],
        [title for title, _ in flat],
    )
