"""Records with per-question values, as a run writes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qa_bench.report.certificate import UNKNOWN, Provenance
from qa_bench.report.record import Record, save
from qa_bench.types import Heading


def saved(
    results: Path,
    system: str,
    values: dict[str, Sequence[float]],
    name: str = "x",
    groups: Sequence[str] = (),
    provenance: Provenance = UNKNOWN,
    **fields: Any,
) -> Path:
    """Save what a system got on a set, and return its per-question file."""
    n = len(next(iter(values.values())))
    record = Record(
        **{
            "system": system,
            "dataset": "nq",
            "split": "test",
            "n": n,
            "match": "string",
            "mode": "dpr",
            "questions": "6d0ef743",
            "published_set": True,
            "corpus": "c",
            "published_corpus": False,
            "passages_key": "a" * 16,
            "values": {
                metric: float(np.nanmean(np.array(column, dtype=np.float64)))
                for metric, column in values.items()
            },
            "headings": {f"answer_recall@{k}": Heading(f"Top-{k}") for k in (1, 5, 20, 100)},
            "version": "0.1.0",
            "key": "k" * 16,
            **fields,
        }
    )
    rows: dict[str, Sequence[Any]] = {
        "qid": [f"q{number}" for number in range(n)],
        "question": [f"what is {number}?" for number in range(n)],
        "answers": ['["a"]'] * n,
    }
    rows |= {"group": groups} if groups else {}
    return save(record, results, name, {**rows, **values}, provenance)  # type: ignore[dict-item]
