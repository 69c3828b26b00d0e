from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from qa_bench.errors import DataError, UserError
from qa_bench.formats.qa import (
    read_dpr_csv,
    read_jsonl,
    read_questions,
    read_squad,
    suffix_of,
)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8", newline="")
    return path


def test_dpr_csv(tmp_path: Path):
    path = write(
        tmp_path / "nq-test.qa.csv",
        "who got it\t['Wilhelm Conrad Röntgen']\n"
        "\n"
        '"with ""quotes"" and\ttab"\t"[\'May 18 , 2018\', ""it\'s""]"\r\n'
        'a "word" within\t["x", \'say "y"\']\n'
        "line\u2028break\x85here\t['z\u2028']\n",
    )
    assert [row[:4] for row in read_dpr_csv(path)] == [
        (None, "who got it", ["Wilhelm Conrad Röntgen"], 1),
        (None, 'with "quotes" and\ttab', ["May 18 , 2018", "it's"], 3),
        (None, 'a "word" within', ["x", 'say "y"'], 4),
        (None, "line\u2028break\x85here", ["z\u2028"], 5),
    ]


@pytest.mark.parametrize(
    "cell",
    [
        "[__import__('pathlib').Path('{made}').touch()]",
        "__import__('os').system('touch {made}')",
        "[print for print in [open('{made}', 'w')]]",
        "(lambda: open('{made}', 'w'))()",
    ],
)
def test_code_in_an_answer_cell_is_refused_and_not_run(tmp_path: Path, cell: str):
    made = tmp_path / "made"
    path = write(tmp_path / "evil.csv", f"good\t['a']\nbad\t{cell.format(made=made)}\n")
    rows = read_dpr_csv(path)
    assert next(rows)[:4] == (None, "good", ["a"], 1)
    with pytest.raises(DataError, match="answers are not a list literal") as caught:
        next(rows)
    assert caught.value.line == 2
    assert not made.exists()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("only a question", "expected 2 tab-separated columns .* found 1"),
        ("q\t['a']\tmore", "expected 2 tab-separated columns .* found 3"),
        ("q\tParis", "answers are not a list literal: Paris"),
        ("q\t['a'", "answers are not a list literal"),
        ("q\t", "answers are not a list literal"),
        ("q\t'Paris'", "answers are not a list literal"),
        ("q\t('a', 'b')", "answers are not a list literal"),
        ("q\t['a', None]", "answers must be a list of strings, found nothing in it"),
        ("q\t[['a']]", "answers must be a list of strings, found list in it"),
        ("q\t{[]: 1}", "answers are not a list"),
        ("q\t['a\x00']", "answers are not a list"),
        ("q\t" + "[" * 1000, "answers are not a list literal"),
    ],
)
def test_dpr_csv_that_is_wrong(tmp_path: Path, line: str, message: str):
    path = write(tmp_path / "bad.csv", f"good\t['a']\n{line}\n")
    with pytest.raises(DataError, match=message) as caught:
        list(read_dpr_csv(path))
    assert (caught.value.path, caught.value.line) == (str(path), 2)
    assert "\n" not in str(caught.value)


def test_nq_open_jsonl(tmp_path: Path):
    path = write(
        tmp_path / "NQ-open.jsonl",
        '{"question": "who", "answer": ["Bob", "Rob"]}\n'
        '\n{"question": "line\u2028break", "answer": ["\x85"]}\n',
    )
    assert [row[:4] for row in read_jsonl(path)] == [
        (None, "who", ["Bob", "Rob"], 1),
        (None, "line\u2028break", ["\x85"], 3),
    ]


def test_own_jsonl(tmp_path: Path):
    path = write(
        tmp_path / "own.jsonl",
        '{"id": "x-1", "question": "who", "answers": ["Bob"], "other": 1}\n'
        '{"id": 2, "question": "where", "answers": "here"}\n',
    )
    assert [row[:4] for row in read_jsonl(path)] == [
        ("x-1", "who", ["Bob"], 1),
        ("2", "where", ["here"], 2),
    ]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"answers": ["a"]}, "field 'question' must be text, found nothing"),
        ({"question": "q"}, "field 'answers' must be a list of strings"),
        ({"question": "q", "answers": None}, "field 'answers' must be a list of strings"),
        ({"question": "q", "answers": ["a", None]}, "field 'answers' must be a list of strings"),
        ({"question": "q", "answers": {"a": 1}}, "field 'answers' must be a list of strings"),
        ({"id": None, "question": "q", "answers": ["a"]}, "field 'id' must be text"),
        ({"id": 1.5, "question": "q", "answers": ["a"]}, "field 'id' must be text, found float"),
    ],
)
def test_jsonl_that_is_wrong(tmp_path: Path, row: dict[str, object], message: str):
    path = write(tmp_path / "bad.jsonl", f'{{"question": "q", "answers": []}}\n{json.dumps(row)}\n')
    with pytest.raises(DataError, match=message) as caught:
        list(read_jsonl(path))
    assert (caught.value.path, caught.value.line) == (str(path), 2)


def squad(*qas: dict[str, object]) -> dict[str, object]:
    paragraph = {"context": "text", "qas": list(qas)}
    return {"version": "1.1", "data": [{"title": "t", "paragraphs": [paragraph, paragraph]}]}


def test_squad_json(tmp_path: Path):
    qa = {"id": "56be", "question": "Which?", "answers": [{"text": "A"}, {"text": "A"}]}
    path = write(tmp_path / "dev-v1.1.json", json.dumps(squad(qa)))
    rows = [row[:3] for row in read_squad(path)]
    assert rows == [("56be", "Which?", ["A", "A"])] * 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"data": 1}',
        '{"data": ["x"]}',
        json.dumps(squad({"id": "x", "question": "q"})),
        json.dumps(squad({"id": "x", "question": "q", "answers": ["a"]})),
        json.dumps(squad({"id": "x", "question": None, "answers": [{"text": "a"}]})),
        json.dumps(squad({"id": "x", "question": "q", "answers": [{"text": None}]})),
    ],
)
def test_json_that_is_not_squads(tmp_path: Path, text: str):
    path = write(tmp_path / "bad.json", text)
    with pytest.raises(UserError) as caught:
        list(read_squad(path))
    assert str(path) in str(caught.value)


def test_a_list_of_questions_is_no_squad(tmp_path: Path):
    path = write(tmp_path / "list.json", '[{"question": "q", "answers": ["a"]}]')
    with pytest.raises(DataError, match=r"an object with 'data': .* go into a \.jsonl file"):
        list(read_squad(path))


def test_the_suffix_tells_the_format(tmp_path: Path):
    assert suffix_of(Path("a/nq-test.qa.csv")) == ".csv"
    assert suffix_of(Path("dev-v1.1.json.gz")) == ".json"
    assert suffix_of(Path("dev.jsonl.xz")) == ".jsonl"
    csv = write(tmp_path / "a.tsv", "q\t['a']\n")
    assert [row[1:3] for row in read_questions(csv)] == [("q", ["a"])]
    packed = tmp_path / "a.jsonl.gz"
    packed.write_bytes(gzip.compress(b'{"question": "q", "answer": ["a"]}'))
    assert [row[1:3] for row in read_questions(packed)] == [("q", ["a"])]
    with pytest.raises(DataError, match=r"use one of \.csv, \.tsv, \.jsonl, \.json"):
        read_questions(tmp_path / "a.txt")
