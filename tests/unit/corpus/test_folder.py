"""Documents in a folder as a corpus: what is read, and that nothing goes without a word."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from identified import identified

from qa_bench.chunker.words import Words
from qa_bench.corpus.folder import FolderCorpus
from qa_bench.engine.context import Context
from qa_bench.errors import UserError
from qa_bench.stages.chunk import chunk
from qa_bench.store.passages import Passages
from qa_bench.types import Article, Runtime


def articles(folder: Path) -> list[Article]:
    return [article for article, _, _ in FolderCorpus("own", str(folder)).articles()]


def test_documents_in_order(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "z.MD").write_text("# Zed\n\nText of z.")
    (tmp_path / "b" / "a.html").write_text("<title>An A</title><p>Text of a.")
    (tmp_path / "c.txt").write_text("Text\nof c.")
    (tmp_path / "中文 [1].txt").write_text("文")
    (tmp_path / "B.htm").write_text("<h1>B</h1>Text.")
    assert articles(tmp_path) == [
        Article("B.htm", "B", "B\nText."),
        Article("b/a.html", "An A", "Text of a."),
        Article("b/z.MD", "Zed", "Zed\n\nText of z."),
        Article("c.txt", "c", "Text\nof c."),
        Article("中文 [1].txt", "中文 [1]", "文"),
    ]


def test_what_is_left_out_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    for folder in (root / ".git", root / "sub", outside):
        folder.mkdir(parents=True)
    (outside / "secret.txt").write_text("outside")
    (root / "a.txt").write_text("text")
    (root / "empty.md").write_text(" \n")
    (root / "empty.html").write_text("<script>var x = 1</script>")
    (root / "latin.txt").write_bytes("Käse".encode("latin-1"))
    (root / "null.txt").write_bytes(b"a\0b")
    for name in ("x.docx", "y.docx", "z", ".git/c.txt"):
        (root / name).write_text("x")
    (root / "link.txt").symlink_to(outside / "secret.txt")
    (root / "loop").symlink_to(root)
    (root / "gone.txt").symlink_to(root / "nothing.txt")
    (root / "same.txt").symlink_to(root / "a.txt")
    corpus = FolderCorpus("own", str(root))
    with caplog.at_level(logging.WARNING):
        assert [article.id for article, _, _ in corpus.articles()] == ["a.txt", "same.txt"]
    assert corpus.counts() == {
        "other_files": 4,
        "hidden": 1,
        "links": 2,
        "empty_files": 2,
        "unreadable_files": 2,
    }
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 5
    assert f"{root}: left out: 2 unreadable, first latin.txt (not utf-8" in lines[-1]
    assert f"{root}: left out: 4 of kinds that are not read, first gone.txt" in lines


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (None, "needs corpus.path="),
        ("none", "no such folder: none"),
        ("a.txt", "is a file, not a folder"),
        ("sub", r"no document \(.*\.md.*\) below sub"),
    ],
)
def test_no_folder_of_documents(
    path: Any, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "x.docx").write_text("x")
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(UserError, match=message):
        FolderCorpus("own", path).files()


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    os.close(os.open(os.fsencode(tmp_path) + b"/\xff.txt", os.O_CREAT | os.O_WRONLY))
    [path] = FolderCorpus("own", str(tmp_path)).files()
    path.write_text("text")
    assert articles(tmp_path) == [Article("\\xff.txt", "\\xff", "text")]


def test_a_file_of_another_name_is_another_corpus(tmp_path: Path) -> None:
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "a.txt").write_text("one two")
    context = Context(tmp_path / "cache", Runtime(progress=False))

    def chunked() -> Any:
        own = identified(FolderCorpus("own", str(documents)))
        return Context(context.cache, context.runtime).run(chunk(own, identified(Words()), context))

    first = chunked()
    assert chunked().reused
    (documents / "a.txt").rename(documents / "b.txt")
    second = chunked()
    assert second.key != first.key
    assert Passages(second.path).sources(np.array([0]))[0] == "b.txt"
