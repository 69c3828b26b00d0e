"""Expanders and rerankers that ask a language model, over the whole line, behind a server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from bench_helpers import SAMPLE_NQ, stage_folders
from reply_server import Server


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as serving:
        yield serving


def hits(folder: Path) -> dict[tuple[int, int], dict[str, float]]:
    """The scores that ``complete`` has of each (question, passage)."""
    rows = pq.read_table(folder / "hits.parquet").to_pylist()
    return {(row["question"], row["row"]): row for row in rows}


@pytest.mark.java
def test_hyde_in_a_hybrid(cli: Any, server: Server, tmp_path: Path) -> None:
    """The bi-encoder averages; BM25 searches, and scores, with the questions as they are."""
    server.reply = lambda prompt: "A passage about rivers and the sea."
    hybrid = ("search", *SAMPLE_NQ, "dataset.limit=2", "retriever=hybrid_linear")
    expander = (
        "expander=hyde", f"expander.lm.url={server.url}", "expander.lm.model=m",
        "expander.lm.timeout_s=5",
    )  # fmt: skip
    for words in ((), expander):
        done = cli(*hybrid, *words)
        assert done.returncode == 0, done.stderr
    assert len(server.bodies) == 16
    assert server.bodies[0]["stop"] == ["\n\n\n"]
    assert len([f for f in stage_folders(tmp_path, "search") if "bm25" in f.name]) == 1, "one run"
    assert len([f for f in stage_folders(tmp_path, "search") if "minilm" in f.name]) == 2
    first, second = (hits(folder) for folder in stage_folders(tmp_path, "complete"))
    both = first.keys() & second.keys()
    assert both
    [dense] = {label for label in next(iter(first.values())) if "score" in label} - {"score.bm25"}
    for pair in both:
        assert first[pair]["score.bm25"] == pytest.approx(second[pair]["score.bm25"], abs=2e-5)
    assert any(abs(first[pair][dense] - second[pair][dense]) > 0.01 for pair in both)


@pytest.mark.java
def test_rankgpt_talks(cli: Any, server: Server) -> None:
    """The authors' dialogue, message by message; of two hits the second is put first."""
    server.reply = lambda prompt: "[2] > [1]"
    done = cli(
        "rerank", *SAMPLE_NQ, "dataset.limit=1", "reranker=rankgpt", "reranker.depth=2",
        f"reranker.lm.url={server.url}", "reranker.lm.model=m", "reranker.lm.timeout_s=5",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    [body] = server.bodies
    roles = [message["role"] for message in body["messages"]]
    assert roles == ["system", "user", *["assistant", "user"] * 3]
    texts = [message["content"] for message in body["messages"]]
    assert texts[1].startswith("I will provide you with 2 passages, each indicated by number")
    assert "identifier []. \nRank the passages based on their relevance to query: " in texts[1]
    assert texts[2] == "Okay, please provide the passages."
    assert texts[3].startswith("[1] Title: ")
    assert " Content: " in texts[3]
    assert texts[4] == "Received passage [1]."
    assert texts[5].startswith("[2] Title: ")
    assert texts[6] == "Received passage [2]."
    assert texts[7].startswith("Search Query: ")
    assert ". \nRank the 2 passages above based on their relevance" in texts[7]
