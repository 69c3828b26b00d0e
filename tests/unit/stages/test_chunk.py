from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from identified import identified

from qa_bench.chunker.sentences import Sentences
from qa_bench.chunker.words import Words
from qa_bench.corpus.jsonl import JsonlArticles
from qa_bench.corpus.psgs_w100 import PsgsW100
from qa_bench.engine.context import Context
from qa_bench.errors import DataError, UserError
from qa_bench.stages import chunk as module
from qa_bench.stages import chunk_processes as processes
from qa_bench.stages.chunk import chunk
from qa_bench.store.passages import Passages
from qa_bench.types import Article, Folder, Passage, Runtime


def write_articles(path: Path, *articles: tuple[str, str, str]) -> Path:
    rows = [dict(zip(("id", "title", "text"), article, strict=True)) for article in articles]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def corpus_of(path: Path, cls: type = JsonlArticles) -> Any:
    return identified(cls("own", str(path)), part=cls.__name__)


def words(size: int = 2) -> Words:
    return identified(Words(size=size), size=size)


def chunked(corpus: Any, chunker: Any, context: Context) -> Folder:
    """What another process makes of it."""
    stage = chunk(corpus, chunker, context)
    return Context(context.cache, context.runtime).run(stage)


def rows(folder: Folder) -> list[tuple[str, str, str]]:
    return [tuple(passage) for passage in Passages(folder.path)]


@pytest.fixture
def articles(tmp_path: Path) -> Path:
    return write_articles(
        tmp_path / "a.jsonl", ("x", "A", "a b c"), ("y", "B", ""), ("z", "C", "d e")
    )


EXPECTED = [("1", "A", "a b"), ("2", "A", "c"), ("3", "C", "d e")]


def test_passages_are_numbered_from_one(articles: Path, context: Context):
    folder = chunked(corpus_of(articles), words(), context)
    assert rows(folder) == EXPECTED
    assert folder.manifest["counts"] == {
        "articles": 3,
        "articles_without_passages": 1,
        "passages": 3,
    }
    assert sorted(path.name for path in folder.path.iterdir()) == [
        "dataset_info.json",
        "manifest.json",
        "passages-00000.arrow",
        "state.json",
    ]
    assert chunked(corpus_of(articles), words(), context).reused
    assert not chunked(corpus_of(articles), words(3), context).reused


def test_shards_end_with_an_article(
    articles: Path, context: Context, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "SHARD_PASSAGES", 1)
    folder = chunked(corpus_of(articles), words(), context)
    assert rows(folder) == EXPECTED
    names = sorted(path.name for path in folder.path.glob("*.arrow"))
    assert names == ["passages-00000.arrow", "passages-00001.arrow"]


class Breaking(JsonlArticles):
    """Fails at the third article, once."""

    failures = 1

    def articles(self) -> Iterator[tuple[Article, Path, int]]:
        for place, row in enumerate(super().articles()):
            if place == 2 and self.failures:
                self.failures -= 1
                raise KeyboardInterrupt
            yield row


def test_a_killed_build_goes_on_from_the_last_shard(
    articles: Path, context: Context, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "SHARD_PASSAGES", 1)
    corpus = corpus_of(articles, Breaking)
    with pytest.raises(KeyboardInterrupt):
        chunked(corpus, words(), context)
    (work,) = (context.cache / "chunk").glob(".*.partial")
    first = (work / "passages-00000.arrow").stat()
    folder = chunked(corpus, words(), context)
    again = (folder.path / "passages-00000.arrow").stat()
    assert (again.st_ino, again.st_mtime_ns) == (first.st_ino, first.st_mtime_ns)
    assert rows(folder) == EXPECTED
    assert folder.manifest["counts"]["articles"] == 3


def test_passages_made_elsewhere_keep_their_ids(tmp_path: Path, context: Context):
    path = tmp_path / "psgs.tsv.gz"
    path.write_bytes(gzip.compress(b'id\ttext\ttitle\n7\t"a b c"\tA\n9\td\tB\n'))
    folder = chunked(corpus_of(path, PsgsW100), words(), context)
    assert rows(folder) == [("7", "A", "a b c"), ("9", "B", "d")]
    assert folder.manifest["config"]["chunker"] is None
    assert chunked(corpus_of(path, PsgsW100), words(50), context).reused


def test_an_id_twice_is_told_with_file_and_line(tmp_path: Path, context: Context):
    path = write_articles(
        tmp_path / "a.jsonl", ("x", "A", "a"), ("y", "B", "b"), ("x", "C", "c"), ("y", "D", "d")
    )
    with pytest.raises(DataError, match="id 'x' is there twice") as caught:
        chunked(corpus_of(path), words(), context)
    assert (caught.value.path, caught.value.line) == (str(path), 3)
    assert not [p for p in (context.cache / "chunk").iterdir() if p.name[0] != "."]


def test_an_empty_id_is_told(tmp_path: Path, context: Context):
    path = write_articles(tmp_path / "a.jsonl", ("x", "A", "a"), ("", "B", "b"))
    with pytest.raises(DataError, match="empty id") as caught:
        chunked(corpus_of(path), words(), context)
    assert caught.value.line == 2


@pytest.mark.parametrize("text", ["", " \n"])
def test_a_corpus_without_passages_is_an_error(tmp_path: Path, context: Context, text: str):
    path = write_articles(tmp_path / "a.jsonl", ("x", "A", text))
    message = f"corpus own: no passage of 1 articles in {path}: chunker=words keeps short ones"
    with pytest.raises(UserError, match=re.escape(message)):
        chunked(corpus_of(path), words(), context)
    path.write_text("")
    with pytest.raises(UserError, match="0 articles"):
        chunked(corpus_of(path), words(), context)


def test_no_passage_of_several_files(tmp_path: Path, context: Context):
    for name in "ab":
        path = write_articles(tmp_path / f"{name}.jsonl", (name, "A", ""))
    with pytest.raises(UserError, match=r"2 articles in 2 files, first .*a\.jsonl: chunker=words"):
        chunked(corpus_of(path.with_stem("*")), words(), context)


def test_a_changed_file_makes_another_folder(articles: Path, context: Context):
    first = chunked(corpus_of(articles), words(), context)
    write_articles(articles, ("x", "A", "a b c"))
    second = chunked(corpus_of(articles), words(), context)
    assert second.key != first.key
    assert rows(second) == EXPECTED[:2]


def test_the_same_input_gives_the_same_bytes(articles: Path, context: Context, tmp_path: Path):
    first = chunked(corpus_of(articles), words(), context)
    second = chunked(corpus_of(articles), words(), Context(tmp_path / "other", context.runtime))
    assert first.key == second.key
    assert first.manifest["outputs"] == second.manifest["outputs"]


MANY = [(str(n), f"T{n}", f"Article {n} is here. " + "It is long. " * (n % 50)) for n in range(300)]


def with_threads(context: Context, threads: int) -> Context:
    return Context(context.cache / str(threads), Runtime(threads=threads, progress=False))


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(processes, "_BATCH_CHARACTERS", 5000)
    monkeypatch.setattr(module, "SHARD_PASSAGES", 100)


def test_processes_change_no_byte(tmp_path: Path, context: Context, small_batches: None):
    corpus = corpus_of(write_articles(tmp_path / "a.jsonl", *MANY))
    chunker = identified(Sentences())
    one, three = (chunked(corpus, chunker, with_threads(context, n)) for n in (1, 3))
    assert one.manifest["outputs"] == three.manifest["outputs"]
    assert one.manifest["counts"] == three.manifest["counts"]
    assert len(list(three.path.glob("*.arrow"))) > 5
    texts = [text for _, _, text in rows(three)]
    (first,) = Sentences().chunk([Article(*MANY[-1])])
    assert texts[-len(first) :] == [passage.text for passage in first]


class BreakingLate(Breaking):
    """Fails when some shards are finished, once."""

    def articles(self) -> Iterator[tuple[Article, Path, int]]:
        for place, row in enumerate(JsonlArticles.articles(self)):
            if place == 200 and self.failures:
                self.failures -= 1
                raise DataError("broken", "file", 200)
            yield row


def test_a_build_with_processes_goes_on_too(tmp_path: Path, context: Context, small_batches: None):
    path = write_articles(tmp_path / "a.jsonl", *MANY)
    corpus, chunker = corpus_of(path, BreakingLate), identified(Sentences())
    parallel = with_threads(context, 2)
    with pytest.raises(DataError, match="broken"):
        chunked(corpus, chunker, parallel)
    (work,) = (parallel.cache / "chunk").glob(".*.partial")
    kept = {path.name: path.stat().st_ino for path in work.glob("*.arrow")}
    assert kept
    folder = chunked(corpus, chunker, parallel)
    assert kept.items() <= {p.name: p.stat().st_ino for p in folder.path.glob("*.arrow")}.items()
    whole = chunked(corpus_of(path), chunker, with_threads(context, 1))
    assert rows(folder) == rows(whole)


class Counting(JsonlArticles):
    """Leaves every other article out, and says so."""

    skipped = 0

    def articles(self) -> Iterator[tuple[Article, Path, int]]:
        self.skipped = 0
        for place, row in enumerate(super().articles()):
            self.skipped += place % 2
            if place % 2 == 0:
                yield row

    def counts(self) -> dict[str, int]:
        return {"redirects": self.skipped}


def test_what_a_corpus_left_out_is_in_the_manifest(articles: Path, context: Context):
    folder = chunked(corpus_of(articles, Counting), words(), context)
    assert folder.manifest["counts"] == {
        "articles": 2,
        "articles_without_passages": 0,
        "passages": 3,
        "redirects": 1,
    }


class Sourced(Words):
    def __init__(self, digest: str) -> None:
        super().__init__(size=2)
        self._digest = digest

    def sources(self) -> dict[str, str]:
        return {"tokenizer": self._digest}


def test_what_a_chunker_reads_is_an_input(articles: Path, context: Context):
    first = chunked(corpus_of(articles), identified(Sourced("1")), context)
    assert first.manifest["inputs"]["tokenizer"] == "1"
    assert chunked(corpus_of(articles), identified(Sourced("1")), context).reused
    assert not chunked(corpus_of(articles), identified(Sourced("2")), context).reused


class OnDevice(Words):
    given: Runtime | None = None

    def chunk_on(self, articles: Iterable[Article], runtime: Runtime) -> Iterator[list[Passage]]:
        self.given = runtime
        return self.chunk(articles)


def test_a_chunker_with_a_model_is_given_the_runtime(articles: Path, context: Context):
    chunker = OnDevice(size=2)
    assert rows(chunked(corpus_of(articles), identified(chunker), context)) == EXPECTED
    assert chunker.given == context.runtime
