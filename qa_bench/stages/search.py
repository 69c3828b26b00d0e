"""index + questions ─search─► run."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qa_bench.engine.context import Context
from qa_bench.engine.stage import Stage
from qa_bench.protocols import Retriever
from qa_bench.stages.expand import Wording
from qa_bench.stages.index import Parts, indexed, indexes, steps
from qa_bench.stages.run_check import check_run
from qa_bench.store.passages import open_passages
from qa_bench.store.runs import BYTES_PER_HIT, RUN_FILE, write_run
from qa_bench.types import Folder, Load, Step

VERSION = 1


def search(
    index: Stage,
    passages: Stage,
    wording: Wording,
    retriever: Retriever,
    name: str,
    depth: int,
    parts: Parts,
    context: Context,
) -> Stage:
    """The best ``depth`` passages for every question.

    Its build raises ``UserError`` where the retriever's run is none, see ``check_run``.
    """
    questions = wording.questions

    def build(folder: Path, inputs: Mapping[str, Folder]) -> dict[str, Any]:
        worded = wording.open(inputs)
        clock = time.perf_counter()
        collection = open_passages(inputs["passages"].path)
        run = retriever.search(
            inputs["index"].path,
            collection,
            worded,
            depth,
            context.runtime,
            **indexed(parts, inputs),
        )
        seconds = time.perf_counter() - clock
        check_run(run, retriever, worded, depth, collection)
        write_run(folder / RUN_FILE, run)
        return {"questions": len(questions), "hits": len(run), "seconds": round(seconds, 3)}

    def plan(load: Load) -> Step:
        step = steps(retriever, load, depth, context)[1]
        return step._replace(disk=step.disk + load.questions * depth * BYTES_PER_HIT)

    return Stage(
        "search",
        VERSION,
        f"{questions.name}-{questions.split}-{name}",
        {"retriever": retriever.identity, "depth": depth, **wording.config},
        {"passages": passages, "index": index, **indexes(parts), **wording.inputs},
        lambda: {"questions": wording.digest(), **retriever.search_sources()},
        build,
        plan,
        wording.titled(f"search {name}"),
    )
