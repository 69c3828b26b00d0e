from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from qa_bench.errors import UserError
from qa_bench.report.certificate import MEASUREMENT
from qa_bench.report.record import Record, load, save
from qa_bench.types import Heading


def records(results: Path, experiment: str) -> list[Record]:
    """Without the digests of their per-question files."""
    return [replace(record, digest="") for record, _ in load(results, experiment)]


RECORD = Record(
    system="bm25[k1=1.2]",
    dataset="nq",
    split="test",
    n=3610,
    match="string",
    mode="dpr",
    questions="6d0ef743",
    published_set=True,
    corpus="psgs_w100",
    published_corpus=True,
    passages_key="0123456789abcdef",
    values={"answer_recall@20": 0.6294, "mrr": 0.41},
    headings={"answer_recall@20": Heading("Top-20")},
    costs={"passages": 21015324, "questions_per_s": 20.5},
    notes=["a note: “ü”"],
    published_as=["BM25 (DPR)"],
    version="0.1.0",
    scores="nq-test-bm25-abc",
)
ROWS: dict[str, list[Any]] = {"qid": ["q1", "q2"], "question": ['a "b", c', "ü\nx"], "mrr": [1, 0]}


def test_what_is_saved_is_loaded(tmp_path: Path):
    path = save(RECORD, tmp_path, "table2", ROWS)
    assert path.parent == tmp_path / "table2"
    assert records(tmp_path, "table2") == [RECORD]
    with path.open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [
            ["qid", "question", "mrr"],
            ["q1", 'a "b", c', "1"],
            ["q2", "ü\nx", "0"],
        ]
    names = sorted(path.suffix for path in (tmp_path / "table2").iterdir())
    assert names == [".csv", ".json"]


def test_the_same_row_again_replaces_the_older_one(tmp_path: Path):
    save(RECORD, tmp_path, "x", ROWS)
    newer = replace(RECORD, values={"mrr": 0.5}, version="0.2.0")
    save(newer, tmp_path, "x", ROWS)
    assert records(tmp_path, "x") == [newer]


@pytest.mark.parametrize(
    "change",
    [
        {"dataset": "webq"},
        {"split": "dev"},
        {"system": "bm25"},
        {"system": "bm25[k1=1/2]"},
        {"passages_key": "fedcba9876543210"},
    ],
)
def test_another_row_stands_beside_it(tmp_path: Path, change: dict[str, Any]):
    other = replace(RECORD, **change)
    save(RECORD, tmp_path, "x", ROWS)
    save(other, tmp_path, "x", ROWS)
    loaded = records(tmp_path, "x")
    assert len(loaded) == 2
    assert RECORD in loaded
    assert other in loaded


def test_systems_that_differ_in_an_unsafe_character_stand_beside_each_other(tmp_path: Path):
    for system in ("my run", "my/run", "my-run"):
        save(replace(RECORD, system=system), tmp_path, "x", ROWS)
    assert {record.system for record in records(tmp_path, "x")} == {"my run", "my/run", "my-run"}


@pytest.mark.parametrize("system", ["../../etc", "a/b\\c", "x" * 240, 'q?*"<>|', "é 東京"])
def test_any_system_makes_two_files_in_the_folder(tmp_path: Path, system: str):
    path = save(replace(RECORD, system=system), tmp_path, "x", ROWS)
    assert path.parent == tmp_path / "x"
    assert len(list((tmp_path / "x").iterdir())) == 2
    assert records(tmp_path, "x")[0].system == system


def test_predictions_have_no_passages(tmp_path: Path):
    record = replace(RECORD, corpus="", passages_key="", costs={}, values={"em": 0.3})
    save(record, tmp_path, "x", ROWS)
    assert records(tmp_path, "x") == [record]


def test_columns_of_different_lengths_are_an_error(tmp_path: Path):
    with pytest.raises(ValueError, match="zip"):
        save(RECORD, tmp_path, "x", {"qid": ["q1", "q2"], "mrr": [1]})
    assert not list((tmp_path / "x").glob("*.json"))


def test_no_results_at_all(tmp_path: Path):
    with pytest.raises(UserError, match=r"no results of experiment 'x' in .*: qa-bench run makes"):
        records(tmp_path, "x")


BROKEN = ["{", "{}", "[]", "\xff", "[" * 100_000, '{"system": "bm25", "unknown": 1}']


@pytest.mark.parametrize("content", BROKEN)
def test_what_is_no_record_costs_its_row(
    content: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    save(RECORD, tmp_path, "x", ROWS)
    path = tmp_path / "x" / "bad.json"
    path.write_text(content, encoding="latin-1")
    assert records(tmp_path, "x") == [RECORD]
    (message,) = caplog.messages
    assert message.startswith(f"{path}: not a record of this version")
    assert message.endswith("its row is left out")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("name", "value"),
    [("n", "many"), ("values", {"mrr": {"value": "high"}}), ("values", []), ("notes", [1]),
     ("system", 3), ("changes", "k1=1"), ("costs", {"build_s": None})],
)  # fmt: skip
def test_a_field_of_another_kind_is_no_record(name: str, value: Any, tmp_path: Path):
    path = save(RECORD, tmp_path, "x", ROWS).with_suffix(".json")
    statement = json.loads(path.read_text())
    if name == "costs":
        statement["predicate"]["runDetails"][name] = value
    else:
        statement[MEASUREMENT][name] = value
    path.write_text(json.dumps(statement))
    with pytest.raises(UserError, match="not a record of this version"):
        records(tmp_path, "x")


def test_a_record_of_another_run_file_is_not_replaced_without_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    save(replace(RECORD, file="a/run.trec"), tmp_path, "x", ROWS)
    save(replace(RECORD, file="a/run.trec"), tmp_path, "x", ROWS)
    assert caplog.messages == []
    save(replace(RECORD, file="b/run.trec"), tmp_path, "x", ROWS)
    (message,) = caplog.messages
    assert "a/run.trec" in message
    assert "b/run.trec" in message
    assert "system=LABEL" in message


def test_the_full_label_and_the_key():
    assert RECORD.label == "bm25[k1=1.2] (psgs_w100)"
    assert replace(RECORD, corpus="").label == "bm25[k1=1.2]"
    assert len(RECORD.row) == 8
    assert replace(RECORD, dataset="webq").row == RECORD.row
    assert replace(RECORD, passages_key="f" * 16).row != RECORD.row


def test_the_signature():
    assert RECORD.signature("answer_recall@20") == (
        "answer_recall@20|match:string|tok:dpr|n:3610|questions:6d0ef743|v:0.1.0"
    )


def test_the_json_line():
    assert json.loads(RECORD.line()) == {
        "system": "bm25[k1=1.2]",
        "dataset": "nq",
        "split": "test",
        "n": 3610,
        "answer_recall@20": 0.6294,
        "mrr": 0.41,
        "passages": 21015324,
        "questions_per_s": 20.5,
    }
    assert "\n" not in RECORD.line()
