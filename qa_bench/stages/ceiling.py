"""passages and questions ─ceiling─► which questions have an answer anywhere in the passages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from qa_bench.engine.context import Context
from qa_bench.engine.digests import digest
from qa_bench.engine.stage import Stage
from qa_bench.metric.ceiling import Seeker
from qa_bench.runtime.processes import in_order
from qa_bench.runtime.progress import progress
from qa_bench.store.columns import write_columns
from qa_bench.store.passages import open_passages
from qa_bench.types import Folder, Match, QuestionSet, Step

VERSION = 1
CEILING_FILE = "ceiling.parquet"
_PASSAGES = 8192
"""Passages searched at once: memory grows with them, and questions answered drop out between."""


def ceiling(questions: QuestionSet, passages: Stage, mode: str, context: Context) -> Stage:
    """``ceiling.parquet``: ``qid`` and ``ceiling``, 1 where some passage holds an answer, else 0.

    It is what a retriever that finds every passage would reach; the count ``ceiling`` of the
    manifest is the mean.
    """

    def build(folder: Path, inputs: Mapping[str, Folder]) -> dict[str, Any]:
        place = inputs["passages"].path
        values = np.zeros(len(questions), dtype=np.float64)
        count = len(open_passages(place))

        def tasks() -> Iterator[tuple[int, list[int]]]:
            for first in range(0, count, _PASSAGES):
                yield first, np.flatnonzero(values == 0).tolist()

        answers = tuple(question.answers for question in questions)
        qids = tuple(question.qid for question in questions)
        search = _Search(place, answers, questions.match, mode, qids)
        with progress(count, "ceiling", "passages", context.runtime) as bar:
            for size, answered in in_order(search, tasks(), context.runtime.workers):
                values[list(answered)] = 1
                bar.update(size)
        columns = {"qid": [question.qid for question in questions], "ceiling": values}
        write_columns(folder / CEILING_FILE, columns)
        return {"ceiling": float(values.mean())}

    return Stage(
        "ceiling",
        VERSION,
        f"{questions.name}-{questions.split}",
        {"match": questions.match, "mode": mode},
        {"passages": passages},
        lambda: {
            "questions": questions.digest,
            "ids": digest([question.qid for question in questions]),
        },
        build,
        lambda load: Step("ceiling", load.questions * 20, None, "0.3 GB"),
    )


@dataclass(frozen=True)
class _Search:
    """What a process does: it looks for the answers in some passages."""

    folder: Path
    answers: tuple[tuple[str, ...], ...]
    match: Match
    mode: str
    qids: tuple[str, ...]

    @cached_property
    def _seeker(self) -> Seeker:
        return Seeker(self.answers, self.match, self.mode, self.qids)

    def __call__(self, task: tuple[int, list[int]]) -> tuple[int, set[int]]:
        """How many passages from a row on were searched, and which questions they answer."""
        first, open_questions = task
        passages = open_passages(self.folder)
        rows = np.arange(first, min(first + _PASSAGES, len(passages)))
        texts, titles = list(passages.texts(rows)), list(passages.titles(rows))
        return len(rows), self._seeker.answered(texts, titles, open_questions)
