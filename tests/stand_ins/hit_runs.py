"""Small runs and what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from qa_bench.store.hits import Hits
from qa_bench.store.passages import Passages, describe_passages, write_passages
from qa_bench.types import Passage, Run

Found = Mapping[str, Sequence[tuple[str, float]]]
"""Each question's (pid, score), best first."""


def run_of(found: Found) -> Run:
    return Run.of(
        list(found),
        [[pid for pid, _ in hits] for hits in found.values()],
        [[score for _, score in hits] for hits in found.values()],
    )


def ranking(run: Run) -> dict[str, list[tuple[str, float]]]:
    ranked: dict[str, list[tuple[str, float]]] = {}
    for row in run.table.to_pylist():
        hits = ranked.setdefault(row["qid"], [])
        hits.append((row["pid"], row["score"]))
        assert row["rank"] == len(hits)
    return ranked


def store(folder: Path, pids: Sequence[str]) -> Passages:
    folder.mkdir()
    file = folder / "passages-00000.arrow"
    write_passages(file, [Passage(pid, "", "") for pid in pids])
    describe_passages(folder, [file])
    return Passages(folder)


def by_pid(hits: Hits, fused: np.ndarray) -> dict[str, float]:
    """The fused scores of one question's hits."""
    assert fused.dtype == np.float64
    assert fused.shape == hits.rows.shape
    return {str(row + 1): score for row, score in zip(hits.rows, fused.tolist(), strict=True)}
