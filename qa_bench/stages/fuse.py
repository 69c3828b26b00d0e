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
from qa_bench.engine.stage import run_stage
from qa_bench.protocols import Fusion, PairScorer
from qa_bench.stages.index import Parts, indexed
from qa_bench.stages.search import asked
from qa_bench.store.hits import Hits
from qa_bench.store.passages import open_passages
from qa_bench.store.runs import RUN_FILE, write_run
from qa_bench.types import Folder, QuestionSet

VERSION = 1
HITS_FILE = "hits.parquet"


@dataclass(frozen=True)
class Found:
    """What one part of a hybrid has made: its run, and its index for scoring more."""

    run: Folder
    index: Folder
    retriever: Any
    parts: Parts


Fusable = Mapping[str, Folder]
"""The parts' runs by label; or, under the empty label, the one folder of completed hits."""


def complete(
    found: Mapping[str, Found],
    passages: Folder,
    questions: QuestionSet,
    name: str,
    context: Context,
) -> Fusable:
    """Every part's true score of what any part found, in ``hits.parquet``."""

    def build(folder: Path) -> dict[str, Any]:
        clock = time.perf_counter()
        collection = open_passages(passages.path)
        hits = open_hits({label: part.run for label, part in found.items()}, passages, questions)
        columns = {"asked": hits.asked.astype(np.int32), "row": hits.rows}
        scored = 0
        for label, part in found.items():
            scorer: PairScorer = part.retriever
            scores = hits.scores[label]
            missing = np.isnan(scores) | scorer.approximate
            scores[missing] = scorer.score(
                part.index.path,
                collection,
                questions,
                hits.asked[missing],
                hits.rows[missing],
                context.runtime,
                **indexed(part.parts),
            )
            columns[f"score.{label}"] = scores.astype(np.float32)
            columns[f"rank.{label}"] = hits.ranks[label].astype(np.int32)
            scored += int(missing.sum())
        pq.write_table(pa.table(columns), folder / HITS_FILE, compression="zstd")
        seconds = round(time.perf_counter() - clock, 3)
        return {"hits": len(hits), "scored": scored, "seconds": seconds}

    folder = run_stage(
        "complete",
        version=VERSION,
        slug=f"{questions.name}-{questions.split}-{name}",
        config={"parts": {label: part.retriever.identity for label, part in found.items()}},
        inputs={
            "questions": asked(questions),
            **{f"run.{label}": part.run.key for label, part in found.items()},
            **{f"index.{label}": part.index.key for label, part in found.items()},
        },
        build=build,
        **context.common,
    )
    return {"": folder}


def open_hits(fusable: Fusable, passages: Folder, questions: QuestionSet) -> Hits:
    """The hits of the parts side by side."""
    if "" not in fusable:
        files = {label: run.path / RUN_FILE for label, run in fusable.items()}
        qids = [question.qid for question in questions]
        return Hits.read(files, qids, open_passages(passages.path))
    table = pq.read_table(fusable[""].path / HITS_FILE)
    columns = {name: table.column(name).to_numpy() for name in table.column_names}
    labels = [name.removeprefix("score.") for name in columns if name.startswith("score.")]
    return Hits(
        columns["asked"].astype(np.int64),
        columns["row"],
        {label: columns[f"score.{label}"].astype(np.float64) for label in labels},
        {label: columns[f"rank.{label}"] for label in labels},
    )


def fuse(
    fusable: Fusable,
    passages: Folder,
    questions: QuestionSet,
    fusion: Fusion,
    name: str,
    depth: int,
    context: Context,
) -> Folder:
    """The best ``depth`` of all parts' hits by the fused score."""

    def build(folder: Path) -> dict[str, Any]:
        clock = time.perf_counter()
        hits = open_hits(fusable, passages, questions)
        qids = [question.qid for question in questions]
        run = hits.ranked(fusion.fuse(hits), depth, qids, open_passages(passages.path))
        write_run(folder / RUN_FILE, run)
        seconds = round(time.perf_counter() - clock, 3)
        return {"questions": len(questions), "hits": len(run), "seconds": seconds}

    return run_stage(
        "fuse",
        version=VERSION,
        slug=f"{questions.name}-{questions.split}-{name}",
        config={"fusion": fusion.identity, "depth": depth},
        inputs={
            "passages": passages.key,
            "questions": asked(questions),
            **{f"part.{label}": folder.key for label, folder in fusable.items()},
        },
        build=build,
        **context.common,
    )
