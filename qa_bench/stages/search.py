"""index + questions ─search─► run."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from qa_bench.engine.context import Context
from qa_bench.engine.digests import digest
from qa_bench.engine.stage import run_stage
from qa_bench.protocols import Retriever
from qa_bench.stages.index import Parts, indexed
from qa_bench.store.passages import open_passages
from qa_bench.store.runs import RUN_FILE, write_run
from qa_bench.types import Folder, QuestionSet

VERSION = 1


def search(
    index: Folder,
    passages: Folder,
    questions: QuestionSet,
    retriever: Retriever,
    name: str,
    depth: int,
    context: Context,
    parts: Parts,
) -> Folder:
    """The best ``depth`` passages for every question."""

    def build(folder: Path) -> dict[str, Any]:
        clock = time.perf_counter()
        run = retriever.search(
            index.path,
            open_passages(passages.path),
            questions,
            depth,
            context.runtime,
            **indexed(parts),
        )
        seconds = time.perf_counter() - clock
        write_run(folder / RUN_FILE, run)
        return {"questions": len(questions), "hits": len(run), "seconds": round(seconds, 3)}

    return run_stage(
        "search",
        version=VERSION,
        slug=f"{questions.name}-{questions.split}-{name}",
        config={"retriever": retriever.identity, "depth": depth},
        inputs={
            "index": index.key,
            "questions": asked(questions),
            **retriever.search_sources(),
        },
        build=build,
        **context.common,
    )


def asked(questions: QuestionSet) -> str:
    """Content hash of what a retriever sees of a question set."""
    texts = [[question.qid, question.text] for question in questions]
    return digest([texts, questions.beside] if questions.beside else texts)
