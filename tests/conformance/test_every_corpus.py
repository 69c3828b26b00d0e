"""What holds for every reader of a corpus."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import itertools
import json
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from conf_names import names

from qa_bench.errors import DataError, UserError
from qa_bench.types import Article

Make = Callable[..., Any]
ARTICLES = [
    Article("10", "Mars", 'Mars is called "red".\n\nIt has two moons.'),
    Article("9", "Véga, ☉ 日本 😀", "First\ttab, then \u2028 a line separator and \x85 another."),
    Article("x-1", "A title with words", "Ends with a quote\""),
]  # fmt: skip
COMPRESSORS = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


def as_jsonl(articles: list[Article]) -> bytes:
    lines = (json.dumps(article._asdict(), ensure_ascii=False) + "\n" for article in articles)
    return "".join(lines).encode()


def as_beir(articles: list[Article]) -> bytes:
    rows = ({"_id": pid, "title": title, "text": text} for pid, title, text, _ in articles)
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def as_tsv(articles: list[Article]) -> bytes:
    rows = ["id\ttext\ttitle\n"]
    for article in articles:
        cells = ['"' + cell.replace('"', '""') + '"' for cell in (article.text, article.title)]
        rows.append("\t".join([article.id, *cells]) + "\n")
    return "".join(rows).encode()


def as_csv(articles: list[Article]) -> bytes:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerows([("title", "id", "more", "text")])
    writer.writerows((title, pid, "", text) for pid, title, text, _ in articles)
    return file.getvalue().encode()


def as_dump(articles: list[Article]) -> bytes:
    pages = (
        f"<page><title>{escape(title)}</title><ns>0</ns><id>{pid}</id><revision><id>1</id><text>"
        + escape(text).replace("\n\n", "\n\n== Heading ==\n")
        + "</text></revision></page>"
        for pid, title, text, _ in articles
    )
    return ("<mediawiki>\n" + "\n".join(pages) + "</mediawiki>\n").encode()


# How to write a file for each reader: a new reader needs a line here.
WRITERS: dict[str, tuple[str, Callable[[list[Article]], bytes], list[int]]] = {
    "corpus/JsonlArticles": (".jsonl", as_jsonl, [1, 2, 3]),
    "corpus/BeirCorpus": (".jsonl", as_beir, [1, 2, 3]),
    "corpus/PsgsW100": (".tsv", as_tsv, [4, 5, 6]),
    "corpus/TableCorpus": (".csv", as_csv, [4, 5, 6]),
    "corpus/WikipediaDump": (".xml", as_dump, [5, 6, 7]),
}

ELSEWHERE = {
    "corpus/HubCorpus": "tests/integration/test_fetch_hub.py",
    "corpus/FolderCorpus": "tests/unit/corpus/test_folder.py",
}
"""What is not read from files of one kind, and where it is tested."""


@pytest.fixture(params=names("corpus"))
def name(request: pytest.FixtureRequest) -> str:
    made: str = request.param
    return made


@pytest.fixture
def reader(name: str, part: Make) -> Callable[..., Any]:
    """``reader(path, …)``: the corpus with these files."""

    def made(*paths: Path) -> Any:
        listed = ",".join(f'"{path}"' for path in paths)
        value = f"[{listed}]" if len(paths) > 1 else f'"{paths[0]}"'
        return part("corpus", name, f"corpus.path={value}")

    return made


@pytest.fixture
def written(name: str, part: Make, tmp_path: Path) -> Callable[..., tuple[Path, list[int]]]:
    """``written(articles, stem, compression)``: such a file, and its articles' last lines."""
    kind = part("corpus", name).identity["part"]
    if kind in ELSEWHERE:
        pytest.skip(f"read otherwise: {ELSEWHERE[kind]}")
    suffix, write, lines = WRITERS[kind]

    def made(
        articles: list[Article] = ARTICLES, stem: str = "a", packed: str = ""
    ) -> tuple[Path, list[int]]:
        path = tmp_path / f"{stem}{suffix}{packed}"
        path.write_bytes(COMPRESSORS[packed](write(articles)))
        return path, lines

    return made


def test_attributes(name: str, part: Make) -> None:
    corpus = part("corpus", name)
    assert corpus.name == ("psgs_w100" if name == "none" else name)
    assert corpus.unit in ("article", "passage")


@pytest.mark.parametrize("packed", COMPRESSORS)
def test_articles(packed: str, reader: Any, written: Any) -> None:
    path, lines = written(packed=packed)
    corpus = reader(path)
    assert corpus.files() == [path]
    got = list(corpus.articles())
    assert [article for article, _, _ in got] == ARTICLES
    assert all(isinstance(article, Article) for article, _, _ in got)
    assert [where for _, where, _ in got] == [path] * 3
    assert [line for _, _, line in got] == lines
    assert list(corpus.articles()) == got


def test_several_files(reader: Any, written: Any, tmp_path: Path) -> None:
    last, _ = written(ARTICLES[:1], stem="z")
    first, _ = written(ARTICLES[1:], stem="b", packed=".gz")
    corpus = reader(last, first)
    assert corpus.files() == [last, first]
    assert [article for article, _, _ in corpus.articles()] == ARTICLES
    assert [where for _, where, _ in corpus.articles()] == [last, first, first]
    globbed = reader(tmp_path / "?.*")
    assert globbed.files() == [first, last]


def test_missing_files(name: str, reader: Any, written: Any, tmp_path: Path, part: Make) -> None:
    there, _ = written()
    for paths in ([tmp_path / "none"], [there, tmp_path / "none"], [tmp_path / "none*"]):
        with pytest.raises(UserError, match=r"corpus\.path: no such file: .*none"):
            reader(*paths).files()
    with pytest.raises(UserError, match=r"corpus\.path="):
        part("corpus", name, "corpus.path=null").files()


def test_making_reads_nothing(reader: Any, tmp_path: Path) -> None:
    assert reader(tmp_path / "none").name


def test_streams(reader: Any, written: Any) -> None:
    """The first article comes although the end of the file is broken."""
    many = [Article(str(n), f"Title {n}", f"{n**5} text") for n in range(5000)]
    path, _ = written(many, packed=".gz")
    path.write_bytes(path.read_bytes()[:-3000])
    articles = reader(path).articles()
    first = [article for article, _, _ in itertools.islice(articles, 10)]
    assert first == many[:10]
    with pytest.raises(DataError, match="truncated"):
        list(articles)


@pytest.mark.parametrize("bad", [b"\xff\n", b"[]\n", b"one\ttwo\n"])
def test_a_bad_line_is_named(bad: bytes, reader: Any, written: Any) -> None:
    path, lines = written(ARTICLES)
    path.write_bytes(path.read_bytes() + bad)
    with pytest.raises(DataError) as caught:
        list(reader(path).articles())
    assert str(path) in str(caught.value)
    assert caught.value.line == lines[-1] + 1
