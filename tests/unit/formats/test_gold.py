from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qa_bench.errors import DataError
from qa_bench.formats.gold import Gold, read_gold


def read(path: Path, content: Any) -> list[tuple[str, Gold]]:
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in content))
    else:
        path.write_text(json.dumps(content))
    return list(read_gold(path, lambda place: f"nq-train-{place}"))


def test_json_lines(tmp_path: Path) -> None:
    rows = [
        {"id": "q1", "question": "?", "article": "Beyonc%C3%A9_Knowles", "paragraph": 2},
        {"question": "?", "answers": ["a"], "title": "T_1", "context": "text"},
        {"question": "no gold", "answers": ["a"]},
    ]
    assert read(tmp_path / "a.jsonl", rows) == [
        ("q1", Gold("Beyoncé Knowles", None, 2)),
        ("nq-train-1", Gold("T_1", "text")),
    ]


def test_squad(tmp_path: Path) -> None:
    qas = [{"id": "56a", "question": "?", "answers": [{"text": "a"}]}, {"id": 7, "question": "?"}]
    data = [{"title": "Super_Bowl_50", "paragraphs": [{"context": "text", "qas": qas}]}]
    gold = Gold("Super Bowl 50", "text")
    assert read(tmp_path / "a.json", {"data": data}) == [("56a", gold), ("7", gold)]


def test_dprs_gold_info(tmp_path: Path) -> None:
    rows = [
        {"question": "who's it", "question_tokens": "who 's it", "title": "T", "context": "c"},
        {"question": "when", "question_tokens": "when", "title": "U", "context": "d"},
        {"question": "where", "title": "V", "context": "e"},
    ]
    assert read(tmp_path / "nq-train_gold_info.json", {"data": rows}) == [
        ("who's it", Gold("T", "c")),
        ("who 's it", Gold("T", "c")),
        ("when", Gold("U", "d")),
        ("where", Gold("V", "e")),
    ]


def test_files_of_questions_only(tmp_path: Path) -> None:
    (tmp_path / "nq-train.qa.csv").write_text("who\t['a']\n")
    assert list(read_gold(tmp_path / "nq-train.qa.csv", str)) == []


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.jsonl", [{"article": "T", "paragraph": "2"}], "paragraph' must be a whole number"),
        ("a.jsonl", [{"article": "T", "paragraph": -1}], "paragraph' must be a whole number"),
        ("a.jsonl", [{"paragraph": 1}], "field 'article' must be text"),
        ("a.jsonl", [{"context": "c"}], "field 'title' must be text"),
        ("a.json", [1], "neither SQuAD's JSON nor DPR's gold info"),
        ("a.json", {"data": [{"title": "T"}]}, "neither SQuAD's JSON nor DPR's gold info"),
        ("a.json", {"data": [{"question": 1, "title": "T", "context": "c"}]}, "neither SQuAD's"),
    ],
)
def test_wrong_files(tmp_path: Path, name: str, content: Any, told: str) -> None:
    with pytest.raises(DataError, match=told):
        read(tmp_path / name, content)
