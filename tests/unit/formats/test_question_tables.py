"""Question files as tables and as others have them: headers, quotes, names of columns, faults."""

from __future__ import annotations

import codecs
import gzip
import json
from pathlib import Path

import pytest

from qa_bench.errors import DataError, UserError
from qa_bench.formats.columns import Columns
from qa_bench.formats.qa import read_questions


def rows(path: Path, text: str, **columns: str) -> list[tuple[object, ...]]:
    path.write_text(text, encoding="utf-8", newline="")
    return [row[:3] for row in read_questions(path, Columns.of(columns))]


@pytest.mark.parametrize(
    "text",
    [
        "question,answers\nwho one,\"['a', 'b']\"\n",
        'answers,question\r\n"[""a"", ""b""]",who one\r\n',
        "Question;Answer\nwho one;['a', 'b']\n",
        "note\tanswers\tquestion\nx\t['a', 'b']\twho one\n",
        '"question","golden_answers"\n"who one","[\'a\', \'b\']"\n',
        "\ufeffquestion,answers\nwho one,\"['a', 'b']\"\n",
    ],
)
def test_a_table_with_a_header(tmp_path: Path, text: str):
    assert rows(tmp_path / "q.csv", text) == [(None, "who one", ["a", "b"])]


def test_a_cell_may_be_one_answer(tmp_path: Path):
    text = 'id,question,answer\n7,"who, one",1999\n8,who two,"Oslo, Norway"\n'
    assert rows(tmp_path / "q.csv", text) == [
        ("7", "who, one", ["1999"]),
        ("8", "who two", ["Oslo, Norway"]),
    ]


def test_columns_by_name(tmp_path: Path):
    names = {"question": "query", "answers": "gold", "id": "Nr"}
    expected = [("3", "who", ["a"])]
    assert rows(tmp_path / "q.csv", "Nr,query,gold\n3,who,a\n", **names) == expected
    assert rows(tmp_path / "q.jsonl", '{"Nr": 3, "query": "who", "gold": "a"}', **names) == expected
    nested = '{"question": {"text": "who"}, "answer": {"aliases": ["a"]}}'
    dotted = {"question": "question.text", "answers": "answer.aliases"}
    assert rows(tmp_path / "q.jsonl", nested, **dotted) == [(None, "who", ["a"])]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("q.csv", "who\t['a']\n", "needs a first line that names query, answers"),
        ("q.jsonl", '{"question": "who", "answers": []}', "no column 'query': there are question"),
        ("q.json", "{}", "dataset.columns is for"),
    ],
)
def test_columns_that_are_not_there(tmp_path: Path, name: str, text: str, message: str):
    with pytest.raises(DataError, match=message):
        rows(tmp_path / name, text, question="query")


def test_columns_of_other_names():
    with pytest.raises(UserError, match=r"dataset\.columns\.answer is unknown"):
        Columns.of({"answer": "x"})
    with pytest.raises(UserError, match=r"dataset\.columns\.question: the name"):
        Columns.of({"question": 3})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("\"who one\t['a']", "the quote before 'who one' is not closed"),
        ("who one\t\"['a']", "is not closed"),
        ("who\rone\t['a']", "a carriage return inside"),
    ],
)
def test_a_quote_that_does_not_close_is_told_where_it_opens(
    tmp_path: Path, line: str, message: str
):
    text = f"good\t['a']\n{line}\nwho two\t['b']\n\"who three\t['c']\n"
    path = tmp_path / "q.csv"
    with pytest.raises(UserError) as caught:
        rows(path, text)
    first, *faults = str(caught.value).split("\n  ")
    assert first == "2 faults:"
    assert [fault.partition(": ")[0] for fault in faults] == [f"{path}:2", f"{path}:4"]
    assert message in faults[0]


def test_a_cell_with_quotes_that_are_not_csvs_stands_for_itself(tmp_path: Path):
    text = '"Hello" by Adele\t[\'a\']\n"""Hello"" again"\t["b", \'c\']\n'
    assert rows(tmp_path / "q.tsv", text) == [
        (None, '"Hello" by Adele', ["a"]),
        (None, '"Hello" again', ["b", "c"]),
    ]


def test_commas_without_a_header_are_told(tmp_path: Path):
    with pytest.raises(DataError, match="a table with commas needs a header: question,answers"):
        rows(tmp_path / "q.csv", "who one,['a']\n")


@pytest.mark.parametrize("name", ["q.csv", "q.jsonl", "q.json", "q.jsonl.gz"])
def test_the_byte_order_mark_is_no_text(tmp_path: Path, name: str):
    qa = {"id": "7", "question": "who", "answers": [{"text": "a"}]}
    text = {
        "q.csv": "who\t['a']\n",
        "q.json": json.dumps({"data": [{"paragraphs": [{"qas": [qa]}]}]}),
    }.get(name, '{"question": "who", "answers": ["a"]}\n')
    data = codecs.BOM_UTF8 + text.encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    assert [row[1:3] for row in read_questions(path)] == [("who", ["a"])]


def test_every_fault_in_one_go_ten_at_most(tmp_path: Path):
    path = tmp_path / "q.jsonl"
    good, bad = '{"question": "q", "answers": ["a"]}\n', '{"question": "q"}\n'
    with pytest.raises(UserError) as caught:
        rows(path, good + bad + "{\n" + good + bad)
    head, *faults = str(caught.value).split("\n  ")
    assert head == "3 faults:"
    assert [fault.split(": ")[0] for fault in faults] == [f"{path}:{n}" for n in (2, 3, 5)]
    with pytest.raises(UserError) as caught:
        rows(path, bad * 500)
    assert str(caught.value).startswith("the first 10 faults:")
    assert str(caught.value).count("\n") == 10
    with pytest.raises(DataError, match=":2: field 'answers'"):
        rows(path, good + bad)


# Gold titles


def titles(path: Path, text: str, **columns: str) -> list[tuple[str, ...]]:
    path.write_text(text, encoding="utf-8")
    return [row.titles for row in read_questions(path, Columns.of(columns))]


def test_titles_of_the_articles_that_answer(tmp_path: Path):
    lines = [
        {"question": "a", "answers": ["x"], "titles": ["Rome", "Paris"]},
        {"question": "b", "answers": ["x"], "titles": "Rome"},
        {"question": "c", "answers": ["x"], "titles": None},
        {"question": "d", "answers": ["x"], "titles": []},
        {"question": "e", "answers": ["x"]},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    assert titles(tmp_path / "q.jsonl", text) == [("Rome", "Paris"), ("Rome",), (), (), ()]
    table = "question,answers,titles\na,x,\"['Rome', 'Paris']\"\nb,x,\n"
    assert titles(tmp_path / "q.csv", table) == [("Rome", "Paris"), ()]


def test_titles_in_a_column_of_another_name(tmp_path: Path):
    line = {"question": "a", "answers": ["x"], "facts": {"title": ["Rome", "Rome"]}}
    path, text = tmp_path / "q.jsonl", json.dumps(line) + "\n"
    assert titles(path, text, titles="facts.title") == [("Rome", "Rome")]
    assert titles(path, text) == [()]
    with pytest.raises(DataError, match=r"no column 'facts.name': there are question, answers"):
        titles(path, text, titles="facts.name")


def test_titles_that_are_none(tmp_path: Path):
    text = json.dumps({"question": "a", "answers": ["x"], "titles": {"en": "Rome"}}) + "\n"
    with pytest.raises(DataError, match=r"q.jsonl:1.*field 'titles' must be a list of strings"):
        titles(tmp_path / "q.jsonl", text)
