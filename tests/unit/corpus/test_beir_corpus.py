from __future__ import annotations

from pathlib import Path

import pytest

from qa_bench.corpus.beir import BeirCorpus
from qa_bench.errors import UserError
from qa_bench.types import Article

ROW = '{"_id": "d1", "title": "T", "text": "x"}\n'


def test_a_folder_stands_for_its_corpus_file(tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").write_text(ROW)
    corpus = BeirCorpus("beir", str(tmp_path))
    assert corpus.files() == [tmp_path / "corpus.jsonl"]
    assert list(corpus.articles()) == [(Article("d1", "T", "x"), tmp_path / "corpus.jsonl", 1)]


def test_several_folders_and_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    (tmp_path / "a/corpus.jsonl").write_text(ROW)
    (tmp_path / "b/more.jsonl").write_text(ROW.replace("d1", "d2"))
    corpus = BeirCorpus("beir", [str(tmp_path / "b/more.jsonl"), str(tmp_path / "a")])
    assert [article.id for article, _, _ in corpus.articles()] == ["d2", "d1"]


def test_a_folder_without_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"corpus\.path: no such file: .*corpus\.jsonl"):
        BeirCorpus("beir", str(tmp_path)).files()
