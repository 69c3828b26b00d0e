"""Articles as JSON Lines, DPR's passage file, and where both look for files."""

from __future__ import annotations

import gzip
import lzma
from pathlib import Path
from typing import Any

import pytest

from qa_bench.corpus.files import input_files
from qa_bench.corpus.jsonl import JsonlArticles
from qa_bench.corpus.psgs_w100 import PsgsW100
from qa_bench.errors import DataError, UserError
from qa_bench.paths import SAMPLE
from qa_bench.protocols import Corpus
from qa_bench.types import Article

LINE = '{"id": "a", "title": "A", "text": "one\\n\\u2028two", "other": 1}\n'


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "b.jsonl", tmp_path / "a.jsonl.gz", tmp_path / "c.jsonl.xz"]
    paths[0].write_text('{"id": 7, "title": "B", "text": ""}\n')
    paths[1].write_bytes(gzip.compress(f"\n{LINE}".encode()))
    paths[2].write_bytes(lzma.compress(b'{"id": "c", "title": "C", "text": "x"}\n'))
    return paths


def test_articles_come_in_the_order_of_the_files(files: list[Path]):
    corpus = JsonlArticles("own", [str(path) for path in files])
    assert corpus.files() == files
    assert list(corpus.articles()) == [
        (Article("7", "B", ""), files[0], 1),
        (Article("a", "A", "one\n\u2028two"), files[1], 2),
        (Article("c", "C", "x"), files[2], 1),
    ]
    assert corpus.unit == "article"
    assert isinstance(corpus, Corpus)


def test_a_glob_is_sorted(files: list[Path], tmp_path: Path):
    (tmp_path / "folder.jsonl").mkdir()
    assert input_files(str(tmp_path / "*.jsonl*")) == [files[1], files[0], files[2]]
    both = [str(tmp_path / "c*"), str(files[0])]
    assert input_files(both) == [files[2], files[0]]


@pytest.mark.parametrize("path", [None, "", []])
def test_no_path_at_all(path: str | list[str] | None):
    with pytest.raises(UserError, match=r"needs corpus\.path="):
        input_files(path)


def test_a_path_that_matches_no_file(files: list[Path], tmp_path: Path):
    for missing in ("none.jsonl", "none*.jsonl", "n" * 300, "no\0ne"):
        wanted = str(tmp_path / missing)
        with pytest.raises(UserError) as caught:
            input_files([str(files[0]), wanted])
        assert str(caught.value) == f"corpus.path: no such file: {wanted}"


def test_a_folder_where_files_are_wanted(tmp_path: Path):
    with pytest.raises(UserError, match=r"is a folder: name its files, or a glob as .*/\*;"):
        input_files(str(tmp_path))


@pytest.mark.parametrize("name", ["a[1].tsv", "what?.tsv", "*.tsv", "[a-c]", "a[!b]*?", "{x}.tsv"])
@pytest.mark.parametrize("folder", ["", "dir[1]", "a*b", "x?/y[0-9]"])
def test_a_name_that_exists_is_no_glob(name: str, folder: str, tmp_path: Path, monkeypatch: Any):
    place = tmp_path / folder
    place.mkdir(parents=True, exist_ok=True)
    for other in (name, "a1.tsv", "other.tsv", "a"):
        (place / other).write_text("x")
    assert input_files(str(place / name)) == [place / name]
    monkeypatch.chdir(tmp_path)
    relative = Path(folder, name)
    assert input_files([str(relative)]) == [relative]


def test_a_glob_in_a_folder_whose_name_looks_like_one(tmp_path: Path):
    (tmp_path / "dir[1]").mkdir()
    (tmp_path / "dir1").mkdir()
    for name in ("b.tsv", "a.tsv"):
        (tmp_path / "dir[1]" / name).write_text("x")
        (tmp_path / "dir1" / name).write_text("x")
    wanted = [tmp_path / "dir[1]" / name for name in ("a.tsv", "b.tsv")]
    assert input_files(str(tmp_path / "dir[1]" / "*.tsv")) == wanted
    assert input_files(str(tmp_path / "d?r[0-9]" / "*.tsv")) == [
        tmp_path / "dir1" / name for name in ("a.tsv", "b.tsv")
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"id": "a", "title": "A"}', "field 'text' must be text, found nothing"),
        ('{"id": "a", "title": null, "text": "x"}', "field 'title' must be text, found nothing"),
        ('{"title": "A", "text": "x"}', "field 'id' must be text, found nothing"),
        ('{"id": "a", "title": "A", "text": ["x"]}', "field 'text' must be text, found list"),
        ('{"id": "a"', "not JSON"),
        ('["a"]', "expected a JSON object, found list"),
    ],
)
def test_a_bad_article_is_told_with_its_line(tmp_path: Path, line: str, message: str):
    path = tmp_path / "a.jsonl"
    path.write_text(LINE + line + "\n")
    articles = JsonlArticles("own", str(path)).articles()
    assert next(articles)[0].id == "a"
    with pytest.raises(DataError, match=message) as caught:
        next(articles)
    assert (caught.value.path, caught.value.line) == (str(path), 2)


def test_the_sample_has_68_articles():
    corpus = JsonlArticles("sample", str(SAMPLE / "articles.jsonl"))
    articles = [article for article, _, _ in corpus.articles()]
    assert len(articles) == len({article.id for article in articles}) == 68
    assert articles[0].title == "Mercury (planet)"
    assert articles[0].text.startswith("Mercury is the smallest planet of the Solar System")


def test_passages_of_dprs_file(tmp_path: Path):
    path = tmp_path / "psgs_w100.tsv.gz"
    path.write_bytes(
        gzip.compress(b'id\ttext\ttitle\n1\t"Aaron ""x"" is"\tAaron\n2\t"two"\t"A B"\n')
    )
    corpus = PsgsW100("psgs_w100", str(path))
    assert corpus.files() == [path]
    assert list(corpus.articles()) == [
        (Article("1", "Aaron", 'Aaron "x" is'), path, 2),
        (Article("2", "A B", "two"), path, 3),
    ]
    assert corpus.unit == "passage"
    assert isinstance(corpus, Corpus)


def test_a_passage_file_that_is_missing(tmp_path: Path):
    with pytest.raises(UserError, match="no such file"):
        PsgsW100("psgs_w100", str(tmp_path / "psgs_w100.tsv.gz")).files()
