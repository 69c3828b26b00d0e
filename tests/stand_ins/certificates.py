"""Certificates of a small experiment, as a run writes them; and one in the standards' own words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qa_bench.report.certificate import Provenance
from qa_bench.report.record import Record, save
from qa_bench.types import Heading

SHA256 = "ab" * 32

PROVENANCE = Provenance(
    command="qa-bench run dataset=nq retriever=bm25",
    config={
        "retriever": {"_target_": "qa_bench.retriever.bm25.Bm25", "k1": 0.9, "stemmer": "porter"},
        "reranker": {"_target_": "qa_bench.reranker.upr.Upr", "depth": 20},
        "reader": None,
        "chunker": {"size": 100},
    },
    runtime={"threads": 2},
    dependencies=[
        {"name": "questions of score", "uri": "nq.csv", "digest": {"sha256": SHA256}},
        {"name": "model of rerank", "uri": "pkg:huggingface/a/b@1",
         "digest": {"gitCommit": "1" * 40}},
        {"name": "qa_bench", "digest": {"gitCommit": "2" * 40}, "annotations": {"version": "9.9"}},
    ],
    versions={"qa_bench": "9.9", "python": "3.11.9", "pyserini": "1.6.0", "java": "21.0.8"},
    stages=[
        {
            "name": "manifest of chunk", "uri": "chunk/a/manifest.json",
            "digest": {"sha256": "c" * 64},
            "annotations": {"key": "aaaa", "inputs": {}},
        },
        {
            "name": "manifest of search bm25", "digest": {"sha256": "d" * 64},
            "annotations": {"key": "bbbb", "inputs": {"passages": "aaaa"}},
        },
    ],
    started="2026-11-28T04:41:37Z",
    finished="2026-11-28T04:42:37Z",
    machine={"cpu": "a CPU", "cores": 2, "ram_gib": 24, "gpu": None},
)  # fmt: skip


def result(
    results: Path,
    ranks: Sequence[int],
    *,
    system: str = "bm25",
    config: Mapping[str, Any] | None = None,
    em: Sequence[float] = (),
    **fields: Any,
) -> Path:
    """Save a system's first ranks as results of ``x``; return the certificate's path.

    Args:
        results: the folder of all results.
        ranks: rank of each question's first passage with an answer, 0 for none; at depth 5.
        system: its label.
        config: settings in its certificate; None for those of ``PROVENANCE``.
        em: also that of each question's prediction.
        fields: of the record.
    """
    n = len(ranks)
    rows: dict[str, list[Any]] = {
        "qid": [f"q{place}" for place in range(n)],
        "question": [f"Who wrote “{place}”?" for place in range(n)],
        "answers": ['["Ann", "Bo"]'] * n,
        **({"prediction": ["Ann"] * n} if em else {}),
        "first_rank": list(ranks),
        "passages": ['[{"rank": 1, "pid": "7", "title": "A title"}]'] * n,
        **{f"answer_recall@{k}": [float(0 < rank <= k) for rank in ranks] for k in (1, 5)},
        **({"em": list(em)} if em else {}),
    }
    metrics = [name for name in rows if name == "em" or "@" in name]
    record = Record(
        **{
            "system": system, "dataset": "nq", "split": "test", "n": n, "match": "string",
            "mode": "dpr", "questions": "01234567", "published_set": False, "corpus": "jsonl/words",
            "published_corpus": False, "passages_key": "k",
            "values": {metric: sum(rows[metric]) / n for metric in metrics},
            "headings": {m: Heading(m.replace("answer_recall@", "Top-")) for m in metrics},
            "costs": {"search_s": 0.5, "index_mb": 3.0}, "version": "9.9", **fields,
        }
    )  # fmt: skip
    parts = {**PROVENANCE.__dict__, **({} if config is None else {"config": config})}
    return save(record, results, "x", rows, Provenance(**parts)).with_suffix(".json")


def content(path: Path) -> dict[str, Any]:
    """What a certificate's file holds."""
    whole: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return whole
