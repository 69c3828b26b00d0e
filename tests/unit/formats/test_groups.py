from __future__ import annotations

import json
from pathlib import Path

import pytest

from qa_bench.dataset.question_file import QuestionFile
from qa_bench.errors import DataError, UserError
from qa_bench.formats.groups import read_groups
from qa_bench.types import Question

QUESTIONS = [Question("a", "Who’s  first?", ("x",)), Question("b", "Why?", ("y",))]
SQUAD = {
    "data": [
        {"title": "One", "paragraphs": [{"context": "", "qas": [{"question": "Who's first?"}]}]},
        {"title": "Two", "paragraphs": [{"context": "", "qas": [{"question": "Why?"}]}]},
    ]
}


def test_squads_articles(tmp_path: Path) -> None:
    path = tmp_path / "dev.json"
    path.write_text(json.dumps(SQUAD))
    assert read_groups(path, QUESTIONS) == ("One", "Two")


def test_lines_of_id_and_group(tmp_path: Path) -> None:
    path = tmp_path / "groups.jsonl"
    path.write_text('{"id": "b", "group": 7}\n{"id": "a", "article": "One"}\n')
    assert read_groups(path, QUESTIONS) == ("One", "7")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("g.jsonl", '{"id": "a", "group": "1"}\n', "question 'b' is in no groups"),
        ("g.jsonl", '{"id": "a", "group": "1"}\n{"id": "a", "group": "2"}\n', "in 2 groups"),
        ("g.jsonl", '{"qid": "a"}\n', ":1: a line needs 'id' and 'group'"),
        ("g.json", '{"data": 3}', "not SQuAD's JSON"),
        ("g.json", "{", "not JSON"),
    ],
)
def test_what_tells_no_groups(name: str, content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=message):
        read_groups(tmp_path / name, QUESTIONS)


def test_a_set_with_groups(tmp_path: Path) -> None:
    path, groups = tmp_path / "q.jsonl", tmp_path / "g.jsonl"
    path.write_text("".join(json.dumps({"id": n, "question": n, "answers": ["x"]}) + "\n"
                            for n in "abc"))  # fmt: skip
    groups.write_text("".join(json.dumps({"id": n, "group": n > "a"}) + "\n" for n in "abc"))
    common = {"name": "x", "match": "string", "split": "test", "path": str(path)}
    plain = QuestionFile(**common).questions()  # type: ignore[arg-type]
    grouped = QuestionFile(**common, groups=str(groups)).questions()  # type: ignore[arg-type]
    assert plain.groups == ()
    assert grouped.groups == ("False", "True", "True")
    assert grouped.digest == plain.digest
    one = QuestionFile(**common, groups=str(groups), limit=1).questions()  # type: ignore[arg-type]
    assert one.groups == ()
    with pytest.raises(UserError, match=r"dataset\.groups: no such file"):
        QuestionFile(**common, groups="nowhere.jsonl").questions()  # type: ignore[arg-type]


def test_squads_own_articles(shared: Path) -> None:
    squad = shared / "data" / "squad"
    common = {"name": "squad", "match": "string", "split": "test"}
    questions = QuestionFile(
        **common, path=str(squad / "test.jsonl"), groups=str(squad / "test.gold.jsonl")
    ).questions()  # type: ignore[arg-type]
    assert len(set(questions.groups)) == 48
