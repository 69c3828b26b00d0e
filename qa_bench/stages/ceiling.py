"""passages and questions ─ceiling─► which questions have an answer anywhere in the passages."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from functools import lru_cache
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from qa_bench.metric.ceiling import Seeker
from qa_bench.progress import progress
from qa_bench.stage import digest, run_stage
from qa_bench.stages.context import Context
from qa_bench.store import open_passages, write_columns
from qa_bench.types import Folder, Match, QuestionSet

VERSION = 1
CEILING_FILE = "ceiling.parquet"
_PASSAGES = 8192
"""Passages searched at once: memory grows with them, and questions answered drop out between."""


def ceiling(questions: QuestionSet, passages: Folder, mode: str, context: Context) -> Folder:
    """``ceiling.parquet``: ``qid`` and ``ceiling``, 1 where some passage holds an answer, else 0.

    It is what a retriever that finds every passage would reach; the count ``ceiling`` of the
    manifest is the mean.
    """

    def build(folder: Path) -> dict[str, Any]:
        found = np.zeros(len(questions), dtype=np.float64)
        answers = tuple(question.answers for question in questions)
        count = len(open_passages(passages.path))
        tasks = iter(range(0, count, _PASSAGES))
        workers = context.runtime.workers
        # Not forked: a process with a JVM or threads of torch's in it must not be.
        with (
            progress(count, "ceiling", "passages", context.runtime) as bar,
            ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool,
        ):

            def submitted(several: int) -> Iterator[Future[tuple[int, set[int]]]]:
                for first in islice(tasks, several):
                    left = np.flatnonzero(found == 0).tolist()
                    asked = (passages.path, first, left, answers, questions.match, mode)
                    yield pool.submit(_found, *asked)

            running = set(submitted(workers))
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for task in done:
                    size, answered = task.result()
                    found[list(answered)] = 1
                    bar.update(size)
                running |= set(submitted(len(done)))
        columns = {"qid": [question.qid for question in questions], "ceiling": found}
        write_columns(folder / CEILING_FILE, columns)
        return {"ceiling": float(found.mean())}

    return run_stage(
        "ceiling",
        version=VERSION,
        slug=f"{questions.name}-{questions.split}",
        config={"match": questions.match, "mode": mode},
        inputs={
            "questions": questions.digest,
            "ids": digest([question.qid for question in questions]),
            "passages": passages.key,
        },
        build=build,
        **context.common,
    )


def _found(
    folder: Path,
    first: int,
    left: list[int],
    answers: tuple[tuple[str, ...], ...],
    match: Match,
    mode: str,
) -> tuple[int, set[int]]:
    """How many passages from row ``first`` on were searched, and the questions they answer."""
    passages = open_passages(folder)
    rows = np.arange(first, min(first + _PASSAGES, len(passages)))
    texts, titles = list(passages.texts(rows)), list(passages.titles(rows))
    return len(rows), _seeker(answers, match, mode).found(texts, titles, left)


@lru_cache(maxsize=1)
def _seeker(answers: tuple[tuple[str, ...], ...], match: Match, mode: str) -> Seeker:
    return Seeker(answers, match, mode)
