from __future__ import annotations

import json
from pathlib import Path

import pytest

from qa_bench.dataset.beir import BeirSplit
from qa_bench.errors import DataError, UserError
from qa_bench.types import Question

QUERIES = {"q1": "one?", "q2": "two?", "q3": "three?", "q4": "four?"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """q3, q1 and q4 are judged in test, q4 without a relevant document; q2 in train."""
    lines = (json.dumps({"_id": qid, "text": text}) + "\n" for qid, text in QUERIES.items())
    (tmp_path / "queries.jsonl").write_text("".join(lines))
    write(tmp_path, "test", "q3\td1\t1", "q1\td2\t2", "q1\td1\t0", "q4\td1\t0")
    write(tmp_path, "train", "q2\td1\t1")
    return tmp_path


def write(folder: Path, split: str, *rows: str) -> None:
    (folder / "qrels").mkdir(exist_ok=True)
    lines = ["query-id\tcorpus-id\tscore", *rows]
    (folder / f"qrels/{split}.tsv").write_text("\n".join(lines) + "\n")


def test_the_judged_questions_in_the_order_of_the_queries(folder: Path) -> None:
    questions = BeirSplit("mine", "test", str(folder)).questions()
    assert (questions.name, questions.split, questions.match) == ("mine", "test", "qrels")
    assert list(questions) == [Question(qid, QUERIES[qid], ()) for qid in ("q1", "q3", "q4")]
    assert questions.qrels == {"q1": {"d2": 2, "d1": 0}, "q3": {"d1": 1}, "q4": {"d1": 0}}
    assert questions.published is None


def test_questions_that_no_document_answers_are_told(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told = "beir test: 1 questions have no relevant passage and count 0"
    assert BeirSplit("beir", "test", str(folder)).questions().remark == told
    assert told in caplog.text
    assert BeirSplit("beir", "train", str(folder)).questions().remark == ""


def test_limit(folder: Path) -> None:
    questions = BeirSplit("beir", "test", str(folder), limit=2).questions()
    assert [question.qid for question in questions] == ["q1", "q3"]
    assert set(questions.qrels or ()) == {"q1", "q3"}
    assert questions.remark == "beir test: only 2 of 3 questions, spread evenly"
    for bad in (0, -1, "x", True):
        with pytest.raises(UserError, match=r"dataset\.limit: a whole number >= 1"):
            BeirSplit("beir", limit=bad)  # type: ignore[arg-type]


def test_the_digest_is_of_texts_and_judgements(folder: Path) -> None:
    def digest() -> str:
        return BeirSplit("beir", "test", str(folder)).questions().digest

    first = digest()
    write(folder, "test", "q4\td1\t0", "q1\td1\t0", "q1\td2\t2", "q3\td1\t1")
    assert digest() == first  # another order of the lines
    write(folder, "test", "q4\td1\t0", "q1\td1\t1", "q1\td2\t2", "q3\td1\t1")
    assert digest() != first  # another grade


def test_what_is_wrong_is_told(folder: Path) -> None:
    with pytest.raises(UserError, match=r"dataset beir needs dataset\.path=<folder"):
        BeirSplit("beir").questions()
    with pytest.raises(UserError, match=r"dev\.tsv; splits with judgements there: test, train"):
        BeirSplit("beir", "dev", str(folder)).questions()
    write(folder, "test", "q1\td2\t2", "q9\td2\t2")
    with pytest.raises(DataError, match=r"test\.tsv: judges query 'q9', which .*queries\.jsonl"):
        BeirSplit("beir", "test", str(folder)).questions()
    (folder / "queries.jsonl").write_text('{"_id": "q2", "text": " "}\n')
    with pytest.raises(DataError, match=r"queries\.jsonl:1: query 'q2' has no text"):
        BeirSplit("beir", "train", str(folder)).questions()
    (folder / "queries.jsonl").unlink()
    with pytest.raises(DataError, match=r"queries\.jsonl: no such file"):
        BeirSplit("beir", "train", str(folder)).questions()
