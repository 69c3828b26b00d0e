"""Predictions of everyone."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from qa_bench.errors import DataError, UserError
from qa_bench.formats.predictions import read_predictions
from qa_bench.types import Question, QuestionSet


def of(*rows: tuple[str, str, str]) -> QuestionSet:
    questions = tuple(Question(qid, text, (answer,)) for qid, text, answer in rows)
    return QuestionSet("own", "test", "string", questions, digest="")


SET = of(("a", "who’s one", "alpha"), ("b", "who two", "beta"), ("c", "who's one", "gamma"))


def read(path: Path, value: Any, questions: QuestionSet = SET) -> dict[str, str]:
    if path.suffix == ".jsonl":
        text = "".join(json.dumps(row) + "\n" for row in value)
    else:
        text = value if isinstance(value, str) else json.dumps(value)
    path.write_text(text, encoding="utf-8")
    return read_predictions(path, questions)


def test_json_lines_or_one_object(tmp_path: Path):
    known = of(("q1", "x", "y"), ("2", "z", "y"))
    rows = [{"id": "q1", "prediction": "Paris"}, {"id": 2, "prediction": 1984}]
    assert read(tmp_path / "a.jsonl", rows, known) == {"q1": "Paris", "2": "1984"}
    assert read(tmp_path / "a.json", rows, known) == {"q1": "Paris", "2": "1984"}
    assert read(tmp_path / "a.json", '\ufeff{"q1": "Paris",\n "2": ""}', known) == {
        "q1": "Paris",
        "2": "",
    }


def dpr(question: str, golds: list[str], *predictions: tuple[int, str]) -> dict[str, Any]:
    return {
        "question": question,
        "gold_answers": golds,
        "predictions": [
            {"top_k": k, "prediction": {"text": text, "score": 1.0, "passage_idx": 0}}
            for k, text in predictions
        ],
    }


def test_dprs_reader(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, "qa_bench")
    rows = [
        dpr("who's one", ["gamma"], (10, "x"), (50, "gamma")),
        dpr("who two", ["beta"], (10, "y"), (50, "beta")),
        dpr("who's one", ["alpha"], (10, "z"), (50, "alpha")),
    ]
    assert read(tmp_path / "a.json", rows) == {"c": "gamma", "b": "beta", "a": "alpha"}
    assert caplog.messages == [
        f"{tmp_path / 'a.json'}: has predictions for top_k 10, 50: those for 50 count"
    ]


def test_flashrags_intermediate_data(tmp_path: Path):
    rows = [
        {
            "id": f"test_{number}",
            "question": question,
            "golden_answers": [gold],
            "output": {"retrieval_result": [], "prompt": "…", "pred": gold.upper()},
        }
        for number, (question, gold) in enumerate([("who two?", "beta"), ("Who's one", "gamma")])
    ]
    assert read(tmp_path / "intermediate_data.json", rows) == {"b": "BETA", "c": "GAMMA"}


def lm_eval(question: str, reply: Any, **more: Any) -> dict[str, Any]:
    doc = {"question": question, "answer": ["beta"]}
    return {"doc_id": 0, "doc": doc, "target": "beta", "resps": [["raw"]], **more} | (
        {} if reply is None else {"filtered_resps": reply}
    )


@pytest.mark.parametrize(
    ("reply", "answer"), [(["beta"], "beta"), ([["beta", "other"]], "beta"), (None, "raw")]
)
def test_lm_evals_samples(tmp_path: Path, reply: Any, answer: str):
    assert read(tmp_path / "samples.jsonl", [lm_eval("who two", reply)]) == {"b": answer}


def test_kilts(tmp_path: Path):
    rows = [{"id": "b", "input": "who two", "output": [{"answer": "beta", "provenance": []}]}]
    assert read(tmp_path / "a.jsonl", rows) == {"b": "beta"}
    rows[0]["id"] = "5afeb"  # KILT's own ids are not the set's: the text tells
    assert read(tmp_path / "a.jsonl", rows) == {"b": "beta"}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.jsonl", '{"id": "1", "prediction": "x"}\n' * 2, ":2: id '1' has a prediction already"),
        ("a.jsonl", '{"id": "1"}', ":1: no field 'prediction', only id"),
        ("a.jsonl", '{"id": "1", "prediction": null}', ":1: field 'prediction' must be text"),
        ("a.csv", "id,prediction\n1,x\n", ":1: no predictions: they are JSON Lines"),
        ("a.txt", "\nMars\n", ":2: no predictions: they are JSON Lines"),
        ("a.jsonl", '{"prediction": "x"}', ":1: neither an 'id' nor a 'question'"),
        ("a.json", '{"1": "x", "1": "y"}', "'1' has a prediction already"),
        ("a.jsonl", '{"id": "2", "prediction": "x"}', ":1: question '2' is not in own test"),
        ("a.json", '{"2": "x"}', "question '2' is not in own test"),
        ("a.json", '{"0": "x"}', "question '0' is not in own test, whose ids are such as '"),
        ("a.json", '["x"]', "expected one JSON object"),
        ("a.json", '{"1": 2}', "prediction of '1' must be text, found int"),
        ("a.json", '{"1": ', "cut off"),
        ("a.json", "[]", "holds no prediction"),
        ("a.jsonl", "", "holds no prediction"),
        ("a.jsonl", '{"id": "1", "output": [{"provenance": []}]}', "no answer: is it a run"),
        ("a.jsonl", '{"id": "1", "output": {}}', "no prediction of a known form"),
        ("a.jsonl", '{"question": "who", "predictions": [{}]}', "no prediction of a known form"),
        (
            "a.jsonl",
            '{"doc": {"id": "1"}, "resps": [[-1, true], [-2, false]]}',
            "multiple choice",
        ),
        ("a.jsonl", '{"doc": {}, "resps": [["x"]]}', "neither question nor id"),
        (
            "a.jsonl",
            '{"filter": "a", "doc": {"id": "1"}, "resps": [["x"]]}\n' * 2,
            "keep the lines of one filter",
        ),
    ],
)
def test_what_is_wrong(tmp_path: Path, name: str, text: str, message: str):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        read_predictions(path, of(("1", "who", "x")))
    assert "\n" not in str(caught.value)


def test_every_fault_in_one_go(tmp_path: Path):
    with pytest.raises(UserError, match=r"3 faults:\n.*:1: .*\n.*:2: .*\n.*:4: "):
        read(tmp_path / "a.jsonl", [{}, {"id": "a"}, {"id": "a", "prediction": "x"}, {"id": 1.5}])
