"""runs ─complete─► hits with every part's true score; runs or hits ─fuse─► run."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from qa_bench.engine.context import Context
from qa_bench.engine.stage import Stage
from qa_bench.protocols import Fusion, PairScorer
from qa_bench.stages.expand import Wording, question_digest
from qa_bench.stages.index import Parts, indexed, indexes
from qa_bench.store.hits import Hits
from qa_bench.store.passages import open_passages
from qa_bench.store.runs import BYTES_PER_HIT, RUN_FILE, write_run
from qa_bench.types import Folder, Load, QuestionSet, Step

VERSION = 1
HITS_FILE = "hits.parquet"
_FUSED_PER_S, _COMPLETED_PER_S = 3e6, 7e5
"""Hits a second, from the manifests of benchmarks/whole_line.py on two cores."""
_BYTES_IN_MEMORY = 60
"""Of a hit."""

Fusable = Mapping[str, Stage]
"""The parts' runs by label; or, under the empty label, the one stage of completed hits."""


@dataclass(frozen=True)
class PartRun:
    """What one part of a hybrid makes: its run, and its index for scoring more."""

    run: Stage
    index: Stage
    retriever: Any
    parts: Parts
    wording: Wording


def complete(
    part_runs: Mapping[str, PartRun],
    passages: Stage,
    wording: Wording,
    name: str,
    depth: int,
    context: Context,
) -> Stage:
    """Every part's true score of what any part found ``depth`` deep, in ``hits.parquet``."""
    questions = wording.questions

    def build(folder: Path, inputs: Mapping[str, Folder]) -> dict[str, Any]:
        clock = time.perf_counter()
        collection = open_passages(inputs["passages"].path)
        runs = {label: inputs[f"run.{label}"] for label in part_runs}
        hits = open_hits(runs, inputs["passages"], questions)
        columns = {"question": hits.question_rows.astype(np.int32), "row": hits.rows}
        scored = 0
        for label, part in part_runs.items():
            scorer: PairScorer = part.retriever
            scores = hits.scores[label]
            missing = np.isnan(scores) | scorer.approximate
            own = {k: inputs[f"{label}.{k}"] for k in indexes(part.parts)}
            scores[missing] = scorer.score(
                inputs[f"index.{label}"].path,
                collection,
                part.wording.open(inputs),
                hits.question_rows[missing],
                hits.rows[missing],
                context.runtime,
                **indexed(part.parts, own),
            )
            columns[f"score.{label}"] = scores.astype(np.float32)
            columns[f"rank.{label}"] = hits.ranks[label].astype(np.int32)
            scored += int(missing.sum())
        pq.write_table(pa.table(columns), folder / HITS_FILE, compression="zstd")
        seconds = round(time.perf_counter() - clock, 3)
        return {"hits": len(hits), "scored": scored, "seconds": seconds}

    def plan(load: Load) -> Step:
        hits = load.questions * depth * len(part_runs)
        memory = f"{hits * _BYTES_IN_MEMORY / 1e9:.1f} GB"
        return Step("complete", hits * BYTES_PER_HIT, hits / _COMPLETED_PER_S, memory)

    inputs = {"passages": passages, **wording.inputs}
    for label, part in part_runs.items():
        inputs |= {f"run.{label}": part.run, f"index.{label}": part.index}
        inputs |= {f"{label}.{k}": stage for k, stage in indexes(part.parts).items()}
    return Stage(
        "complete",
        VERSION,
        f"{questions.name}-{questions.split}-{name}",
        {
            "parts": {label: part.retriever.identity for label, part in part_runs.items()},
            **wording.config,
        },
        inputs,
        lambda: {"questions": wording.digest()},
        build,
        plan,
        wording.titled(f"complete {name}"),
    )


def open_hits(fusable: Mapping[str, Folder], passages: Folder, questions: QuestionSet) -> Hits:
    """The hits of the parts side by side; ``fusable`` as ``Fusable``, finished."""
    if "" not in fusable:
        files = {label: run.path / RUN_FILE for label, run in fusable.items()}
        qids = [question.qid for question in questions]
        return Hits.read(files, qids, open_passages(passages.path))
    with pq.ParquetFile(fusable[""].path / HITS_FILE) as file:
        table = file.read()
    columns = {name: table.column(name).to_numpy() for name in table.column_names}
    labels = [name.removeprefix("score.") for name in columns if name.startswith("score.")]
    return Hits(
        columns["question"].astype(np.int64),
        columns["row"],
        {label: columns[f"score.{label}"].astype(np.float64) for label in labels},
        {label: columns[f"rank.{label}"] for label in labels},
    )


def fuse(
    fusable: Fusable,
    passages: Stage,
    questions: QuestionSet,
    fusion: Fusion,
    name: str,
    depth: int,
    hits_a_question: int,
    context: Context,
    title: str = "",
) -> Stage:
    """The best ``depth`` of all parts' hits by the fused score.

    Args:
        fusable: what is fused.
        passages: the corpus.
        questions: the set.
        fusion: makes one score of several.
        name: of the system.
        depth: of the run.
        hits_a_question: of all parts together, for the plan.
        context: where and how.
        title: see ``Stage``.
    """

    def build(folder: Path, inputs: Mapping[str, Folder]) -> dict[str, Any]:
        clock = time.perf_counter()
        hits = open_hits(
            {label: inputs[f"part.{label}"] for label in fusable}, inputs["passages"], questions
        )
        qids = [question.qid for question in questions]
        collection = open_passages(inputs["passages"].path)
        run = hits.ranked(fusion.fuse(hits), depth, qids, collection)
        write_run(folder / RUN_FILE, run)
        seconds = round(time.perf_counter() - clock, 3)
        return {"questions": len(questions), "hits": len(run), "seconds": seconds}

    def plan(load: Load) -> Step:
        hits = load.questions * hits_a_question
        memory = f"{hits * _BYTES_IN_MEMORY / 1e9:.1f} GB"
        disk = load.questions * depth * BYTES_PER_HIT
        return Step("fuse", disk, hits / _FUSED_PER_S, memory)

    return Stage(
        "fuse",
        VERSION,
        f"{questions.name}-{questions.split}-{name}",
        {"fusion": fusion.identity, "depth": depth},
        {"passages": passages, **{f"part.{label}": stage for label, stage in fusable.items()}},
        lambda: {"questions": question_digest(questions)},
        build,
        plan,
        title or f"fuse {name}",
    )
