"""What the questions of a set were drawn with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from qa_bench.dataset.groups import Groups
from qa_bench.dataset.question_file import QuestionFile
from qa_bench.errors import DataError, UserError

QUESTIONS = "".join(
    f'{{"id": "q{n}", "question": "who is {n}?", "answers": ["{n}"], "page": "p{n // 2}"}}\n'
    for n in range(6)
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "dev.jsonl").write_text(QUESTIONS)
    return tmp_path


def questions(folder: Path, limit: int | None = None, **groups: Any) -> QuestionFile:
    return QuestionFile(
        "own", "string", "dev", path=str(folder / "dev.jsonl"), limit=limit, groups=groups
    )


def test_none_unless_something_tells_them(folder: Path) -> None:
    assert questions(folder).questions().groups == ()


def test_a_column_of_the_question_file(folder: Path) -> None:
    several = questions(folder, column="page").questions()
    assert several.groups == ("p0", "p0", "p1", "p1", "p2", "p2")
    assert several.digest == questions(folder).questions().digest


def test_a_file_beside_the_questions(folder: Path) -> None:
    rows = "".join(f'{{"id": "q{n}", "group": {n % 2}}}\n' for n in reversed(range(7)))
    (folder / "dev.groups.jsonl").write_text(rows)
    assert questions(folder).questions().groups == ("0", "1", "0", "1", "0", "1")
    assert questions(folder, column="page").questions().groups[:3] == ("p0", "p0", "p1")


def test_a_file_elsewhere_and_some_of_the_questions(folder: Path) -> None:
    (folder / "gold.csv").write_text("article,id\n" + "".join(f"a{n},q{n}\n" for n in range(6)))
    part = questions(folder, limit=3, file=str(folder / "gold.csv"), column="article")
    several = part.questions()
    assert several.groups == tuple(q.qid.replace("q", "a") for q in several)
    assert len(several.groups) == 3


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("id,group\nq0,a\nq0,b\n", r"gold\.csv:3: question 'q0' is in two groups: 'a', 'b'"),
        ("id,group\nq0,a\nq1,b\n", r"gold\.csv: question 'q2' has no group here"),
        ("id,other\nq0,a\n", "there is no column 'group'"),
        ("id,group\n" + "".join(f"q{n},a\n" for n in range(6)), "one group alone, 'a'"),
    ],
)
def test_files_that_do_not_tell(folder: Path, rows: str, message: str) -> None:
    (folder / "gold.csv").write_text(rows)
    with pytest.raises(DataError, match=message):
        questions(folder, file=str(folder / "gold.csv")).questions()


def test_settings(folder: Path) -> None:
    with pytest.raises(UserError, match=r"dataset\.groups\.by is unknown: use file and column"):
        Groups({"by": "page"})
    with pytest.raises(UserError, match=r"dataset\.groups\.column: a text, got '3'"):
        questions(folder, column=3)
    with pytest.raises(UserError, match=r"dataset\.groups\.file: no such file: .*none\.csv"):
        questions(folder, file=str(folder / "none.csv")).questions()
    with pytest.raises(UserError, match=r"such a set needs dataset\.groups\.file="):
        Groups({"column": "page"}).of([], "a set on the hub", "dev")
