from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_bench.errors import DataError, UserError
from qa_bench.formats.beir import inside, qrels_file, read_documents, read_qrels, read_queries

HEADER = "query-id\tcorpus-id\tscore\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "qrels").mkdir()
    return tmp_path


def test_judgements(folder: Path) -> None:
    path = folder / "qrels/test.tsv"
    path.write_text(f"{HEADER}q1\td 2\t2\nq1\td1\t0\nq2\td1\t-1\r\n\nq1\td 2\t2\n")
    assert read_qrels(path) == {"q1": {"d 2": 2, "d1": 0}, "q2": {"d1": -1}}


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("q1\td1\t1\n", 1, "the first line must be"),
        (f"{HEADER}q1 d1 1\n", 2, "expected 3 tab-separated columns .* found 1"),
        (f"{HEADER}q1\td1\t1\nq1\t0\td1\t1\n", 3, "found 4"),
        (
            f"{HEADER}q1\td1\t1.5\n",
            2,
            "a whole number from .* to .*, found '1.5'",
        ),
        (
            f"{HEADER}q1\td1\t\n",
            2,
            "a whole number from .* to .*, found ''",
        ),
        (f"{HEADER}q1\td1\t1\nq1\td1\t2\n", 3, "document 'd1' has two grades for query 'q1'"),
        (HEADER, None, "holds no judgement"),
        ("", None, "holds no judgement"),
    ],
)
def test_wrong_judgements(folder: Path, text: str, line: int | None, told: str) -> None:
    path = folder / "qrels/test.tsv"
    path.write_text(text)
    with pytest.raises(DataError, match=told) as caught:
        read_qrels(path)
    assert caught.value.line == line


@given(
    st.dictionaries(
        st.text("abcdé 1-", min_size=1),
        st.dictionaries(st.text("xyzß_9", min_size=1), st.integers(-2, 4), min_size=1),
        min_size=1,
    )
)
def test_what_is_written_is_read(qrels: dict[str, dict[str, int]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "test.tsv.gz"
        lines = (f"{q}\t{d}\t{g}\n" for q, grades in qrels.items() for d, g in grades.items())
        path.write_bytes(gzip.compress((HEADER + "".join(lines)).encode()))
        assert read_qrels(path) == qrels


def test_a_split_that_is_not_there(folder: Path) -> None:
    (folder / "qrels/test.tsv").write_text(HEADER)
    (folder / "qrels/dev.tsv.gz").write_bytes(b"")
    assert qrels_file(folder, "dev").name == "dev.tsv.gz"
    with pytest.raises(UserError, match=r"no such file: .*train\.tsv; splits .* there: dev, test"):
        qrels_file(folder, "train")
    with pytest.raises(UserError, match="there: none"):
        qrels_file(folder / "elsewhere", "train")


def test_a_file_is_found_packed_or_plain(folder: Path) -> None:
    assert inside(folder, "corpus.jsonl") == folder / "corpus.jsonl"
    (folder / "corpus.jsonl.gz").write_bytes(b"")
    assert inside(folder, "corpus.jsonl") == folder / "corpus.jsonl.gz"
    (folder / "corpus.jsonl").write_bytes(b"")
    assert inside(folder, "corpus.jsonl") == folder / "corpus.jsonl"


def test_documents(folder: Path) -> None:
    path = folder / "corpus.jsonl"
    rows = [
        {"_id": "d1", "title": "T", "text": "x", "metadata": {"url": "…"}},
        {"_id": 2, "text": ""},
        {"_id": "d3", "title": None, "text": "y"},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert list(read_documents(path)) == [("d1", "T", "x", 1), ("2", "", "", 2), ("d3", "", "y", 3)]
    path.write_text('{"id": "d1", "title": "T", "text": "x"}\n')
    with pytest.raises(DataError, match="field '_id' must be text, found nothing"):
        list(read_documents(path))


def test_queries(folder: Path) -> None:
    path = folder / "queries.jsonl"
    path.write_text('{"_id": "q1", "text": "who?", "metadata": {}}\n{"_id": "q1", "text": "a"}\n')
    queries = read_queries(path)
    assert next(queries) == ("q1", "who?", 1)
    with pytest.raises(DataError, match="query id 'q1' is there twice") as caught:
        next(queries)
    assert caught.value.line == 2


def test_every_fault_of_judgements_in_one_go_and_no_mark(tmp_path: Path):
    path = tmp_path / "test.tsv"
    path.write_text(f"\ufeff{HEADER}q1\td1\t{10**20}\nq1\td2\t1\nq1\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"2 faults:\n.*:2: score must be .*\n.*:4: expected 3"):
        read_qrels(path)
    path.write_text(f"\ufeff{HEADER}q1\td1\t-1\n", encoding="utf-8")
    assert read_qrels(path) == {"q1": {"d1": -1}}
