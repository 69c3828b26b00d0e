"""Articles and passages in tables of one's own."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from qa_bench.corpus.table import TableCorpus
from qa_bench.errors import DataError, UserError
from qa_bench.types import Article

OWN = {"id": "key", "title": "name", "text": "body"}


def rows(path: Path | str, **settings: Any) -> list[tuple[Article, int]]:
    corpus = TableCorpus("own", str(path), **settings)
    return [(article, line) for article, _, line in corpus.articles()]


def test_csv_and_tsv(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('\ufeffbody,key,name\n"one, ""x""\ntwo",7,A\n\nb,8,\n')
    assert rows(tmp_path / "a.csv", columns=OWN) == [
        (Article("7", "A", 'one, "x"\ntwo'), 3),
        (Article("8", "", "b"), 5),
    ]
    (tmp_path / "b.tsv.gz").write_bytes(gzip.compress(b"id\ttext\ttitle\n1\ta, b\tT\n"))
    assert rows(tmp_path / "b.tsv.gz") == [(Article("1", "T", "a, b"), 2)]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_what_spreadsheets_write_instead_of_commas(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text('\ufeffid;title;text\n1;"A; B";x, y\n')
    assert rows(tmp_path / name) == [(Article("1", "A; B", "x, y"), 2)]
    (tmp_path / name).write_text('id\ttext,title;none\n1;"A; B";x, y\n')
    with pytest.raises(DataError, match="there is no column"):
        rows(tmp_path / name)


def test_parquet(tmp_path: Path) -> None:
    table = pa.table({
        "key": [3, 4],
        "body": pa.array(["a", "b\0"], pa.large_string()),
        "name": ["T", None],
        "other": [[1], [2]],
    })  # fmt: skip
    pq.write_table(table, tmp_path / "a.parquet")
    assert rows(tmp_path / "a.parquet", columns=OWN) == [
        (Article("3", "T", "a"), 1),
        (Article("4", "", "b\0"), 2),
    ]


def test_rows_without_ids_and_titles(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.csv").write_text("text\none\ntwo\n")
    found = rows(tmp_path / "*.csv", columns={"id": None, "title": None})
    assert [article.id for article, _ in found] == ["1", "2", "3", "4"]
    assert {article.title for article, _ in found} == {""}


def test_passages_with_their_articles(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,title,text,page\n1,A,x,P 1\n2,A,y,\n")
    settings = {"unit": "passage", "columns": {"source": "page"}}
    assert [article.source for article, _ in rows(tmp_path / "a.csv", **settings)] == ["P 1", "2"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"key,name,text\n1,a,b\n", "a.csv:1: there is no column 'body'"),
        ("a.csv", b"key;name;text\n1;a;b\n", "no column 'body', there are key, name, text: name"),
        ("a.csv", b"", "there is no column 'key', there are none"),
        ("a.csv", b"key,name,body\n1,a\n", "a.csv:2: expected 3 columns, found 2"),
        ("a.csv", b"key,name,body,body\n", "two columns have one name"),
        ("a.csv", b'key,name,body\n1,a,"b\n', "a.csv:2: not CSV"),
        ("a.csv", b"key,name,body\n1,a,\xff\n", "a.csv:2: not UTF-8"),
        ("a.jsonl", b'{"key": 1, "name": "a"}\n', "a.jsonl:1: column 'body' must be"),
        ("a.jsonl", b'{"key": true, "name": "a", "body": "x"}\n', "'key' must be text, found bool"),
        ("a.jsonl", b'{"key": 1, "name": "a", "body": "\\ud800"}\n', "half a surrogate pair"),
        ("a.parquet", b"PAR1 no", "not a readable Parquet file"),
        ("a.xlsx", b"x", "'.xlsx' is none of .csv"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        rows(tmp_path / name, columns=OWN)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_parquet_that_holds_no_text(tmp_path: Path) -> None:
    bytes_as_text = pa.Array.from_buffers(
        pa.string(), 1, pa.array([b"\xff"], pa.binary()).buffers()
    )
    for column in (bytes_as_text, pa.array([None], pa.string()), pa.array([["a"]])):
        table = pa.table({"key": ["1"], "name": ["n"], "body": column})
        pq.write_table(table, tmp_path / "a.parquet")
        with pytest.raises(DataError, match=r"a\.parquet:1: "):
            rows(tmp_path / "a.parquet", columns=OWN)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"unit": "page"}, "corpus.unit: article or passage"),
        ({"columns": {"body": "x"}}, "corpus.columns.body is unknown: use id, title, text, source"),
        ({"columns": {"text": None}}, "corpus.columns.text: a column's name"),
        ({"columns": {"title": 3}}, "corpus.columns.title: a column's name"),
        ({"columns": {"source": "x"}}, "corpus.unit=passage"),
    ],
)
def test_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        TableCorpus("own", "a.csv", **settings)
