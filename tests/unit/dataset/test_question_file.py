from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from qa_bench.dataset.question_file import QuestionFile, content_digest
from qa_bench.errors import DataError, UserError
from qa_bench.types import Question

ROWS = [("who’s first", ["Paris", "City ’s"]), ("who is second", ["Röm"]), ("third", ["Oslo"])]
DIGEST = hashlib.sha256(
    b'["who\\u2019s first", ["Paris", "City \\u2019s"]]\n'
    b'["who is second", ["R\\u00f6m"]]\n'
    b'["third", ["Oslo"]]\n'
).hexdigest()
OFFICIAL = {"file": "set-test.qa.csv", "count": 3, "sha256": DIGEST, "url": "https://example.org/x"}


def write_csv(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f"{text}\t{answers}\n" for text, answers in ROWS), encoding="utf-8")
    return path


def write_jsonl(path: Path, rows: list[dict[str, Any]] | None = None) -> Path:
    path.parent.mkdir(exist_ok=True)
    rows = rows or [{"id": f"q{i}", "question": q, "answers": a} for i, (q, a) in enumerate(ROWS)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def dataset(folder: Path | None = None, **settings: Any) -> QuestionFile:
    given = {"name": "set", "match": "string", "split": "test", "splits": {"test": OFFICIAL}}
    return QuestionFile(**{**given, "folder": str(folder) if folder else None, **settings})


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "qa_bench")
    return caplog


def warned_once(log: pytest.LogCaptureFixture, path: Path, what: str) -> None:
    (record,) = log.records
    assert record.levelname == "WARNING"
    assert record.getMessage().startswith("WARNING: set test")
    assert what in record.getMessage()
    assert str(path) in record.getMessage()


def test_the_official_file_is_known_by_count_and_content(tmp_path: Path, log):
    write_csv(tmp_path / "set-test.qa.csv")
    questions = dataset(tmp_path).questions()
    assert questions.published is True
    assert questions.remark == ""
    assert questions.digest == DIGEST
    assert questions.questions == (
        Question("set-test-0", "who’s first", ("Paris", "City ’s")),
        Question("set-test-1", "who is second", ("Röm",)),
        Question("set-test-2", "third", ("Oslo",)),
    )
    assert (questions.name, questions.split, questions.match) == ("set", "test", "string")
    assert log.messages == []


def test_the_digest_is_of_content_not_of_format(tmp_path: Path):
    write_csv(tmp_path / "set-test.qa.csv")
    other = write_jsonl(tmp_path / "other" / "test.jsonl")
    assert dataset(path=str(other)).questions().published is True
    assert dataset(path=str(other)).questions().digest == DIGEST
    assert content_digest((Question("any", "q", ("a",)),)) == content_digest(
        (Question("other", "q", ("a",)),)
    )
    assert content_digest((Question("1", "q", ("a",)),)) != content_digest(
        (Question("1", "q", ("a", "b")),)
    )


def test_the_order_in_which_files_are_looked_for(tmp_path: Path):
    part = dataset(tmp_path)
    names = ["test.json.gz", "test.json", "test.jsonl", "test.csv", "set-test.qa.csv.gz"]
    names += ["set-test.qa.csv"]
    for name in names:
        (tmp_path / name).touch()
        assert part.file() == tmp_path / name
    assert dataset(tmp_path, path="elsewhere.jsonl").file() == Path("elsewhere.jsonl")


def test_a_split_may_have_its_own_folder(tmp_path: Path):
    splits = {"test": OFFICIAL, "sample": {"folder": str(tmp_path / "s"), "file": "set.jsonl"}}
    write_jsonl(tmp_path / "s" / "set.jsonl")
    questions = dataset(tmp_path / "none", split="sample", splits=splits).questions()
    assert [question.qid for question in questions] == ["q0", "q1", "q2"]
    assert questions.published is None


def test_a_missing_file_is_told_with_what_to_get_and_where_to_put_it(tmp_path: Path):
    with pytest.raises(UserError) as caught:
        dataset(tmp_path).file()
    assert str(caught.value) == (
        f"dataset set has no test file: put set-test.qa.csv from https://example.org/x into "
        f"{tmp_path}, or set dataset.path=<file>"
    )
    with pytest.raises(UserError, match=r"needs dataset\.path=<file>"):
        dataset(None, splits=None).file()
    with pytest.raises(DataError, match="no such file"):
        dataset(path=str(tmp_path / "none.jsonl")).questions()


def test_an_unknown_split_is_told_with_the_known_ones(tmp_path: Path):
    splits = {"test": OFFICIAL, "dev": OFFICIAL}
    with pytest.raises(UserError, match="has no split 'val': use one of test, dev"):
        dataset(tmp_path, split="val", splits=splits).questions()


def test_another_number_of_questions_is_warned_of(tmp_path: Path, log):
    path = write_jsonl(tmp_path / "test.jsonl")
    splits = {"test": {**OFFICIAL, "count": 3610}}
    questions = dataset(tmp_path, splits=splits).questions()
    assert questions.published is False
    assert questions.remark.startswith("set test: 3 questions where 3610 were published")
    warned_once(log, path, "3 questions where 3610 were published")


@pytest.mark.parametrize("change", ["question", "answer", "order"])
def test_other_content_is_warned_of(tmp_path: Path, log, change: str):
    rows = [{"question": text, "answers": list(answers)} for text, answers in ROWS]
    if change == "question":
        rows[0]["question"] += "?"
    elif change == "answer":
        rows[0]["answers"].reverse()
    else:
        rows.reverse()
    path = write_jsonl(tmp_path / "test.jsonl", rows)
    questions = dataset(tmp_path).questions()
    assert questions.published is False
    assert "other questions or answers than the official file" in questions.remark
    warned_once(log, path, "other questions or answers than the official file")


def test_without_a_published_digest_nothing_is_known(tmp_path: Path, log):
    write_jsonl(tmp_path / "test.jsonl")
    splits = {"test": {"count": 3, "sha256": None}}
    assert dataset(tmp_path, splits=splits).questions().published is None
    assert log.messages == []


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"id": "q0", "question": "x", "answers": ["a"]}, "question id 'q0' is there twice"),
        ({"id": "q9", "question": " \n", "answers": ["a"]}, "question 'q9' has no text"),
        ({"id": "q9", "question": "x", "answers": []}, "question 'q9' has no answers"),
        ({"id": "q9", "question": "x", "answers": ""}, "question 'q9' has no answers but blank"),
        ({"id": "q9", "question": "x", "answers": ["", " "]}, "'q9' has no answers but blank"),
    ],
)
def test_a_bad_question_is_told_with_its_line(tmp_path: Path, row: dict[str, Any], message: str):
    good = {"id": "q0", "question": "x", "answers": ["a"]}
    path = write_jsonl(tmp_path / "test.jsonl", [good, row])
    with pytest.raises(DataError, match=message) as caught:
        dataset(tmp_path, splits=None).questions()
    assert (caught.value.path, caught.value.line) == (str(path), 2)


def test_half_a_surrogate_pair_in_a_list_literal_is_told_with_its_line(tmp_path: Path):
    path = tmp_path / "test.csv"
    path.write_text("q\t['a']\nq\t['\\ud800']\n")
    with pytest.raises(DataError, match="half a surrogate pair") as caught:
        dataset(tmp_path, splits=None).questions()
    assert caught.value.line == 2


def test_the_same_question_twice_is_no_error_without_ids(tmp_path: Path):
    rows = [{"question": "same", "answers": ["a"]}] * 2
    write_jsonl(tmp_path / "test.jsonl", rows)
    questions = dataset(tmp_path, splits=None).questions()
    assert [question.qid for question in questions] == ["set-test-0", "set-test-1"]


def test_an_empty_file(tmp_path: Path):
    (tmp_path / "test.jsonl").touch()
    with pytest.raises(DataError, match="holds no question"):
        dataset(tmp_path, splits=None).questions()


def test_an_empty_answer_is_kept_as_the_references_do(tmp_path: Path):
    write_jsonl(tmp_path / "test.jsonl", [{"question": "q", "answers": ["", "a"]}])
    assert dataset(tmp_path, splits=None).questions().questions[0].answers == ("", "a")


def test_a_limit_makes_another_set(tmp_path: Path, log):
    write_csv(tmp_path / "set-test.qa.csv")
    limited = dataset(tmp_path, limit=2).questions()
    assert [question.text for question in limited] == ["who’s first", "who is second"]
    assert limited.published is False
    assert limited.digest != DIGEST
    assert limited.remark == "set test: only 2 of 3 questions, spread evenly"
    warned_once(log, tmp_path / "set-test.qa.csv", "only 2 of 3 questions, spread evenly")
    for limit in (3, 4):
        assert dataset(tmp_path, limit=limit).questions().published is True


@pytest.mark.parametrize("limit", [0, -1, 1.5, "few", True])
def test_what_is_no_limit(tmp_path: Path, limit: object):
    with pytest.raises(UserError, match=r"dataset\.limit: a whole number >= 1, got"):
        dataset(tmp_path, limit=limit)


def test_an_unknown_match_is_refused_before_anything_is_searched(tmp_path: Path):
    write_csv(tmp_path / "set-test.qa.csv")
    with pytest.raises(UserError, match=r"dataset\.match: string or regex, got 'regexp'"):
        dataset(tmp_path, match="regexp").questions()


def test_apostrophes_are_straightened_in_questions_only(tmp_path: Path):
    write_csv(tmp_path / "set-test.qa.csv")
    questions = dataset(tmp_path, dpr_apostrophes=True).questions()
    assert questions.questions[0] == Question("set-test-0", "who's first", ("Paris", "City ’s"))
    assert questions.digest == DIGEST
    assert questions.published is True


PATTERNS = [
    {"question": "when", "answers": [r"(Jan|Feb)\.? 1st"]},
    {"question": "where", "answers": [r"New\s+York", "N.Y."]},
]


def test_patterns_as_strings_are_warned_of(tmp_path: Path, log):
    path = write_jsonl(tmp_path / "own.jsonl", PATTERNS)
    questions = dataset(path=str(path), splits=None).questions()
    assert "its answers look like patterns" in questions.remark
    warned_once(log, path, "are they for dataset.match=regex?")
    log.clear()
    assert dataset(path=str(path), splits=None, match="regex").questions().remark == ""
    assert log.messages == []


def test_the_patterns_of_a_known_set_are_no_strings(tmp_path: Path):
    write_jsonl(tmp_path / "test.jsonl", PATTERNS)
    splits = {"test": {"count": 2}}
    with pytest.raises(UserError, match=r"dataset\.match=string: set has patterns as answers"):
        dataset(tmp_path, splits=splits).questions()
    assert len(dataset(tmp_path, splits=splits, match="regex").questions()) == 2


def test_columns_are_named(tmp_path: Path):
    rows = [{"query": "who", "gold": {"text": [1999, "x"]}, "nr": 7}]
    path = write_jsonl(tmp_path / "own.jsonl", rows)
    columns = {"id": "nr", "question": "query", "answers": "gold.text"}
    questions = dataset(path=str(path), splits=None, columns=columns).questions()
    assert questions.questions == (Question("7", "who", ("1999", "x")),)
    with pytest.raises(UserError, match=r"dataset\.columns\.query is unknown"):
        dataset(columns={"query": "x"})


def test_every_fault_is_told_in_one_go(tmp_path: Path):
    good = {"id": "a", "question": "q", "answers": ["a"]}
    rows = [good, {**good, "answers": []}, good, {**good, "id": "b", "question": ""}, {"id": "c"}]
    path = write_jsonl(tmp_path / "own.jsonl", [dict(row) for row in rows])
    with pytest.raises(UserError) as caught:
        dataset(path=str(path), splits=None).questions()
    head, *faults = str(caught.value).split("\n  ")
    assert head == "4 faults:"
    assert [fault.partition(": ")[0] for fault in faults] == [f"{path}:{n}" for n in (2, 3, 4, 5)]
    assert "question 'a' has no answers" in faults[0]
    assert "question id 'a' is there twice" in faults[1]


def test_gold_titles(tmp_path: Path):
    """They go with the questions that a limit leaves, and into the digest where there are any."""
    rows = [
        {"id": f"q{i}", "question": q, "answers": a, "titles": [f"T{i}"] if i else []}
        for i, (q, a) in enumerate(ROWS)
    ]
    path = write_jsonl(tmp_path / "titled.jsonl", rows)
    titled = dataset(path=str(path)).questions()
    assert titled.titles == ((), ("T1",), ("T2",))
    plain = dataset(path=str(write_jsonl(tmp_path / "plain.jsonl"))).questions()
    assert plain.titles == ()
    assert plain.digest == DIGEST != titled.digest
    assert titled.published is plain.published is True, "the published questions, titled"
    assert dataset(path=str(path), limit=2).questions().titles == ((), ("T1",))
    only_first = write_jsonl(tmp_path / "one.jsonl", [dict(row, titles=[]) for row in rows])
    assert dataset(path=str(only_first)).questions().digest == DIGEST
