"""Our chunker cuts real articles into the very passages of DPR's psgs_w100."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from qa_bench.parts import make
from qa_bench.paths import CONF
from qa_bench.types import Article, Passage

pytestmark = pytest.mark.shared


def json_lines(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
        return [json.loads(line) for line in file]


@pytest.fixture(scope="module")
def folder(shared: Path) -> Path:
    return shared / "data" / "dpr_chunk_check"


@pytest.fixture(scope="module")
def cut(folder: Path) -> dict[str, list[Passage]]:
    """Passages by article id, cut with the settings of ``chunker=dpr_w100``."""
    chunker = make("chunker", OmegaConf.load(CONF / "chunker" / "dpr_w100.yaml"))
    articles = [Article(**row) for row in json_lines(folder / "articles.jsonl.gz")]
    passages = chunker.chunk(articles)
    return {article.id: cut for article, cut in zip(articles, passages, strict=True)}


def test_every_row_comes_out_byte_for_byte(folder: Path, cut: dict[str, list[Passage]]):
    rows = json_lines(folder / "rows_exact.jsonl.gz")
    assert len(rows) == 207
    assert sum(row["wrapped"] for row in rows) == 6
    for row in rows:
        where = f"{row['title']} {row['chunk']}"
        passages = cut[row["article_id"]]
        assert passages[row["chunk"]] == Passage("", row["title"], row["text"]), where
        assert len(passages) == row["chunks"], where
        if row["wrapped"]:
            assert row["chunk"] == row["chunks"] - 1, where


def test_every_passage_has_a_hundred_words(cut: dict[str, list[Passage]]):
    assert len(cut) == 233
    counts = {len(passage.text.split()) for passages in cut.values() for passage in passages}
    assert counts == {100}


def test_the_title_comes_first(cut: dict[str, list[Passage]]):
    for passages in cut.values():
        for passage in passages[:1]:
            assert passage.text.startswith(" ".join(passage.title.split()))
