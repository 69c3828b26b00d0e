from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from qa_bench.cli.main import main
from qa_bench.report.comparable import candidates, comparable, compared
from qa_bench.report.published import KINDS, find
from qa_bench.report.record import Record, save
from qa_bench.report.verify import TOLERANCES, check, checks, status, summary, text
from qa_bench.types import Heading

TOP20 = "answer_recall@20"
BM25 = Record(
    system="bm25",
    dataset="nq",
    split="test",
    n=3610,
    match="string",
    mode="dpr",
    questions="6d0ef743",
    published_set=True,
    corpus="psgs_w100",
    published_corpus=True,
    passages_key="a" * 16,
    values={TOP20: 2272 / 3610},
    headings={TOP20: Heading("Top-20")},
    costs={"passages": 21015324},
    published_as=["BM25 (pyserini)", "BM25 (anserini)"],
    published_unlike={"BM25 (DPR)": "its fields are two"},
)
MULTI = replace(
    BM25,
    system="dpr_multi",
    published_as=["DPR (multi, pyserini)", "DPR (multi)"],
    published_unlike={},
)


def moved(record: Record, questions: int) -> Record:
    """The record with so many more questions right."""
    values = {metric: v + questions / record.n for metric, v in record.values.items()}
    return replace(record, values=values)


def reason(record: Record, system: str) -> str | None:
    (figure,) = (
        f for f in candidates(record, TOP20) if f.system == system and f.corpus == "psgs_w100"
    )
    return comparable(record, figure)


# Comparable or not


def test_what_is_the_same_is_comparable():
    assert reason(BM25, "BM25 (pyserini)") is None
    assert [figure.value for figure in compared(BM25, TOP20)] == ["62.94"]
    official = replace(BM25, dataset="nq_open")
    assert [figure.value for figure in compared(official, TOP20)] == ["63.99"]
    assert reason(replace(BM25, mode="pyserini"), "BM25 (pyserini)") is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"corpus": "jsonl/words"}, "the corpus is jsonl, theirs psgs_w100"),
        ({"corpus": ""}, "the corpus of the run is not known here"),
        (
            {"published_corpus": False, "costs": {"passages": 408191}},
            "the corpus is not the whole of psgs_w100 (408,191 passages here)",
        ),
        ({"published_set": False}, "the questions are not the published ones"),
        (
            {"dataset": "nq_open"},
            "the question file is NQ-open's own (dataset=nq_open), theirs DPR's (dataset=nq)",
        ),
        ({"published_as": [], "published_unlike": {"BM25 (pyserini)": "k1 is 2"}}, "k1 is 2"),
        ({"match": "regex"}, "answers are matched as regex, theirs as string"),
        (
            {"mode": "flashrag"},
            "answers are matched by the rules of flashrag, theirs by those of dpr",
        ),
        ({"n": 3000}, "there are 3,000 questions, theirs are 3,610"),
    ],
)
def test_why_a_figure_is_not_comparable(change: dict[str, Any], words: str):
    assert reason(replace(BM25, **change), "BM25 (pyserini)") == words


def test_the_first_reason_counts():
    change: dict[str, Any] = {"corpus": "jsonl", "published_set": False, "mode": "kilt"}
    assert reason(replace(BM25, **change), "BM25 (pyserini)") == (
        "the corpus is jsonl, theirs psgs_w100"
    )


def test_a_question_file_that_no_source_names_is_not_compared():
    ours = replace(BM25, published_as=["BM25 (Spider paper)"])
    assert reason(ours, "BM25 (Spider paper)") == (
        "its source does not say which file of NQ's test questions it is of"
    )
    webq = replace(ours, dataset="webq", n=2032)
    assert reason(webq, "BM25 (Spider paper)") is None


def test_another_split_or_metric_is_no_candidate():
    assert candidates(replace(BM25, split="dev"), TOP20) == []
    assert candidates(BM25, "mrr") == []


def test_a_figure_that_no_count_makes_is_not_compared(monkeypatch: pytest.MonkeyPatch):
    (figure,) = find(["BM25 (pyserini)"], "psgs_w100", "nq", "test", TOP20)
    assert comparable(BM25, replace(figure, value="62.95")) == (
        "no count of 3,610 questions makes 62.95: a misprint, or another n"
    )


# Tolerances, in questions


@pytest.mark.parametrize(
    ("kind", "n", "fine", "close"),
    [
        ("same_engine", 3610, 0, 2),
        ("same_engine", 11313, 0, 5),
        ("same_engine", 694, 0, 2),
        ("released_exact", 3610, 2, 7),
        ("released_exact", 11313, 5, 22),
        ("released_exact", 694, 2, 2),
        ("released_approximate", 3610, 7, 18),
        ("released_reader", 3610, 10, 36),
        ("trained", 3610, 18, 54),
        ("copied", 3610, -1, 36),
        ("copied", 694, -1, 6),
    ],
)
def test_tolerances(kind: str, n: int, fine: int, close: int):
    """The largest distances that are OK and CLOSE, the same to both sides."""
    for sign in (1, -1):
        expected = {
            **dict.fromkeys(range(close + 1), "CLOSE"),
            **dict.fromkeys(range(fine + 1), "OK"),
        }
        expected |= {close + 1: "OFF", close + 100: "OFF"}
        assert {far: status(kind, sign * far, n) for far in expected} == expected


def test_every_kind_has_a_tolerance():
    assert set(TOLERANCES) == {*KINDS}


@pytest.mark.parametrize(
    ("questions", "expected"),
    [(0, "OK"), (1, "CLOSE"), (-2, "CLOSE"), (3, "OFF"), (-3, "OFF"), (400, "OFF")],
)
def test_a_planted_deviation_is_seen(questions: int, expected: str):
    (one, *others) = check(moved(BM25, questions), TOP20)
    assert (one.figure.system, one.questions, one.status) == (
        "BM25 (pyserini)",
        questions,
        expected,
    )
    assert {other.status for other in others} == {""}


def test_three_questions_are_close_where_weights_were_released():
    ours = replace(MULTI, values={TOP20: 2869 / 3610})  # 79.47
    statuses = [[one.status for one in check(moved(ours, q), TOP20)] for q in (0, 3, -3, 8, 20)]
    assert statuses == [
        *(["OK", "OK"], ["CLOSE", "OK"], ["CLOSE", "OK"], ["OFF", "CLOSE"], ["OFF", "OFF"])
    ]


def test_more_than_published_is_off_too_with_hints():
    whole = text(checks([moved(BM25, 40)]))
    assert "hint  more than published: " in whole
    assert "less than published" not in whole
    assert "hint  less than published: " in text(checks([moved(BM25, -40)]))
    assert "qa-bench import run=FILE" in whole
    assert "hint" not in text(checks([BM25]))


def test_the_lines():
    lines = text(checks([BM25])).split("\n")
    assert lines[0] == (
        "OK    nq Top-20  bm25 (psgs_w100)  62.94  published 62.94 (BM25 (pyserini))  +0 of 3,610"
    )
    assert (
        "--    not compared: BM25 (DPR) beside bm25 (psgs_w100): its fields are two: nq Top-20 59.1"
    ) in lines
    assert lines[-1] == "1 OK, 0 CLOSE, 0 OFF; 4 not compared"
    assert summary(check(BM25, "mrr")) == "0 OK, 0 CLOSE, 0 OFF"
    assert "  +5 of 3,610 (+.14)" in text(checks([moved(BM25, 5)]))


# The command


def verify(folder: Path, monkeypatch: pytest.MonkeyPatch, *records: Record, words: str = "") -> int:
    monkeypatch.chdir(folder)
    for record in records:
        save(record, folder / "results", "x", {"qid": ["q1"]}).unlink()  # only reported
    return main(["verify", "name=x", *words.split()])


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert verify(tmp_path, monkeypatch, moved(BM25, 2)) == 0
    assert "CLOSE nq Top-20" in capsys.readouterr().out
    assert verify(tmp_path, monkeypatch, moved(BM25, -3)) == 1
    assert "OFF   nq Top-20" in capsys.readouterr().out
    assert verify(tmp_path, monkeypatch, words="--json") == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (held,) = (line for line in lines if line["status"])
    assert (held["status"], held["questions"], held["published"]) == ("OFF", -3, "62.94")
    assert held["row"] == find(["BM25 (pyserini)"], "psgs_w100", "nq", "test", TOP20)[0].row
    assert all(line["reason"] for line in lines if not line["status"])


def test_nothing_to_compare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert verify(tmp_path, monkeypatch, replace(BM25, published_as=[], published_unlike={})) == 2
    assert capsys.readouterr().err == (
        "qa-bench: error: nothing to compare in experiment 'x': no system of it repeats a "
        "published one\n"
    )
    assert verify(tmp_path, monkeypatch, replace(BM25, published_set=False)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "nothing to compare in experiment 'x': BM25 (pyserini) beside bm25" in line


def test_no_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert verify(tmp_path, monkeypatch) == 2
    assert "no results of experiment 'x'" in capsys.readouterr().err


def test_an_edited_figure_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    values = [1.0] * 2272 + [0.0] * 1338
    record = replace(BM25, n=len(values), values={TOP20: 2273 / 3610})
    save(record, tmp_path / "results", "x", {"qid": range(len(values)), TOP20: values})
    assert main(["verify", "name=x"]) == 2
    assert "(edited?): run it again" in capsys.readouterr().err
