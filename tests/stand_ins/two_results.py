"""Results of systems that were never run: first ranks and values that a test names."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qa_bench.report.certificate import UNKNOWN, Provenance
from qa_bench.report.record import Record, load, save
from qa_bench.types import Heading

CUTS = (1, 5, 20)
Entry = tuple[Record, Path]


def saved(
    results: Path,
    system: str,
    ranks: Sequence[int] | None = None,
    em: Sequence[float] | None = None,
    name: str = "x",
    passages: Sequence[Sequence[str]] | None = None,
    groups: Sequence[str] | None = None,
    provenance: Provenance = UNKNOWN,
    **fields: Any,
) -> Path:
    """Save a system's record, its recall and MRR by the first ranks; return the record's file."""
    n = len(ranks if ranks is not None else em or ())
    dataset = fields.get("dataset", "nq")
    rows: dict[str, list[Any]] = {
        "qid": [f"{dataset}-{place}" for place in range(n)],
        "question": [f"who is {place}?" for place in range(n)],
    }
    rows |= {"group": list(groups)} if groups else {}
    rows["answers"] = [json.dumps([f"Answer {place}"]) for place in range(n)]
    values: dict[str, list[float]] = {}
    if em is not None:
        rows["prediction"] = [f"p{value:g}" for value in em]
    if ranks is not None:
        rows["first_rank"] = list(ranks)
        pids = passages or [[f"{place}-{rank}" for rank in range(3)] for place in range(n)]
        rows["passages"] = [
            json.dumps([{"rank": r + 1, "pid": p, "title": f"T{p}"} for r, p in enumerate(of)])
            for of in pids
        ]
        for k in CUTS:
            values[f"answer_recall@{k}"] = [float(0 < rank <= k) for rank in ranks]
        values["mrr"] = [1 / rank if rank else 0.0 for rank in ranks]
    if em is not None:
        values["em"] = [float(value) for value in em]
    record = Record(
        **{
            "system": system,
            "dataset": "nq",
            "split": "test",
            "n": n,
            "match": "string",
            "mode": "dpr",
            "questions": f"{n:08x}",
            "published_set": False,
            "corpus": "c",
            "published_corpus": False,
            "passages_key": "a" * 16,
            "values": {metric: sum(column) / n for metric, column in values.items()},
            "headings": {f"answer_recall@{k}": Heading(f"Top-{k}") for k in CUTS},
            "version": "0.2.0",
            "key": system.ljust(16, "0"),
            **fields,
        }
    )
    return save(record, results, name, {**rows, **values}, provenance).with_suffix(".json")


def entries(results: Path, name: str = "x") -> list[Entry]:
    return load(results, name)
