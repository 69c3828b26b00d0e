from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qa_bench.errors import DataError
from qa_bench.formats.psgs_tsv import read_passages, read_sourced, write_passages
from qa_bench.types import Passage

cells = st.text(st.sampled_from("aé東\"\t\n\r ,'\\\u2028\x85\u00a0"), max_size=8)
pids = st.text("0123456789abc-_", min_size=1, max_size=5)
texts = cells.filter(str.strip)
rows = st.lists(st.builds(Passage, pids, cells, texts), max_size=4)


def written(passages: list[Passage]) -> str:
    file = io.StringIO(newline="")
    assert write_passages(file, passages) == len(passages)
    return file.getvalue()


def read(path: Path) -> list[Passage]:
    return [passage for passage, _ in read_passages(path)]


@given(rows)
@example([Passage("1", '"', '"')])
@example([Passage("1", "", "x"), Passage("2", 'a "b"\t', 'c\n"d"\r\n')])
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, passages):
    path = tmp_path_factory.mktemp("tsv") / "psgs.tsv"
    path.write_bytes(written(passages).encode())
    assert read(path) == passages


def test_quoting_is_that_of_dprs_file():
    passages = [
        Passage("1", "Aaron", 'Aaron ( or ; "Ahärôn") is'),
        Passage("2", "Andre Agassi", "plain"),
        Passage("3", 'The "X"', ""),
    ]
    assert written(passages) == (
        "id\ttext\ttitle\n"
        '1\t"Aaron ( or ; ""Ahärôn"") is"\tAaron\n'
        '2\t"plain"\t"Andre Agassi"\n'
        '3\t""\t"The ""X"""\n'
    )


@pytest.mark.parametrize(
    ("title", "cell"),
    [
        ("T-Mobile!", "T-Mobile!"),
        ("AT&T", "AT&T"),
        ("Xi'an", '"Xi\'an"'),
        ("Zürich", '"Zürich"'),
        ("A B", '"A B"'),
        ('"X"', '"""X"""'),
    ],
)
def test_titles_are_quoted_where_dprs_file_quotes_them(title: str, cell: str):
    assert written([Passage("1", title, "a text")]).split("\t")[-1] == f"{cell}\n"


def test_lines_are_those_where_rows_end(tmp_path: Path):
    path = tmp_path / "psgs.tsv.gz"
    path.write_bytes(gzip.compress(b'id\ttext\ttitle\n1\t"two\nlines"\tA\n2\tx\t"B"\r\n'))
    assert list(read_passages(path)) == [
        (Passage("1", "A", "two\nlines"), 3),
        (Passage("2", "B", "x"), 4),
    ]


def test_a_cell_may_be_long(tmp_path: Path):
    path = tmp_path / "psgs.tsv"
    path.write_text(written([Passage("1", "t", "word " * 50_000)]))
    assert len(read(path)[0].text) == 250_000


@pytest.mark.parametrize("header", ["id\ttitle\ttext", "1\ttext\ttitle", "id,text,title", ""])
def test_another_header_is_refused(tmp_path: Path, header: str):
    path = tmp_path / "psgs.tsv"
    path.write_text(f"{header}\n1\tx\ty\n" if header else "")
    with pytest.raises(DataError, match="the first line must be id, text, title, tab") as caught:
        read(path)
    assert (caught.value.path, caught.value.line) == (str(path), 1)


@pytest.mark.parametrize(("line", "found"), [("2\ttext", 2), ("2\ttext\ttitle\tmore", 4), ("2", 1)])
def test_a_wrong_number_of_columns_is_told_with_its_line(tmp_path: Path, line: str, found: int):
    path = tmp_path / "psgs.tsv"
    path.write_text(f'id\ttext\ttitle\n1\t"a\nb"\tt\n{line}\n3\tx\ty\n')
    rows = read_passages(path)
    assert next(rows)[0] == Passage("1", "t", "a\nb")
    with pytest.raises(DataError, match=f"expected 3 tab-separated .* found {found}") as caught:
        next(rows)
    assert (caught.value.path, caught.value.line) == (str(path), 4)


@pytest.mark.parametrize("text", ["", '""', " ", '"\n"'])
def test_a_passage_without_text_is_told_with_its_line(tmp_path: Path, text: str):
    path = tmp_path / "psgs.tsv"
    path.write_text(f"id\ttext\ttitle\n1\tx\tA\n2\t{text}\tB\n")
    with pytest.raises(DataError, match="passage '2' has no text") as caught:
        read(path)
    assert caught.value.line == 3 + text.count("\n")


def test_a_quote_that_is_never_closed_does_not_swallow_the_rest(tmp_path: Path):
    path = tmp_path / "psgs.tsv"
    path.write_text('id\ttext\ttitle\n1\tx\t"Weird Al\n2\ty\tB\n3\tz\tC\n')
    with pytest.raises(DataError):
        read(path)


def test_bad_utf8_is_told_with_its_line(tmp_path: Path):
    path = tmp_path / "psgs.tsv"
    path.write_bytes(b"id\ttext\ttitle\n1\tx\ty\n2\t\xe9\ty\n")
    with pytest.raises(DataError, match="not UTF-8") as caught:
        read(path)
    assert caught.value.line == 3


def test_a_fourth_column_names_the_article(tmp_path: Path):
    path = tmp_path / "psgs.tsv"
    path.write_text("id\ttext\ttitle\tsource\n1\tx\tA\tm 7\n2\ty\tB\t\n")
    assert list(read_sourced(path)) == [
        (Passage("1", "A", "x"), "m 7", 2),
        (Passage("2", "B", "y"), "2", 3),
    ]
    path.write_text("id\ttext\ttitle\tsource\n1\tx\tA\n")
    with pytest.raises(DataError, match=r"expected 4 .*\(id, text, title, source\), found 3"):
        list(read_sourced(path))


def test_a_quote_that_swallows_lines_is_told_where_it_opens(tmp_path: Path):
    path = tmp_path / "p.tsv"
    path.write_text('\ufeffid\ttext\ttitle\n1\tplain\tT\n2\t"open\tT\n3\tx\tT\n4\t"y"\tT\n')
    passages = read_passages(path)
    assert next(passages) == (Passage("1", "T", "plain"), 2)
    with pytest.raises(DataError, match=r"not CSV .*noticed on line 5") as caught:
        next(passages)
    assert caught.value.line == 3
