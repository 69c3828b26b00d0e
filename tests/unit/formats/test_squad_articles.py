from __future__ import annotations

import json
from pathlib import Path

import pytest

from qa_bench.dataset.question_file import QuestionFile
from qa_bench.errors import DataError
from qa_bench.formats.squad_articles import articles_of_squad
from qa_bench.types import Question

QUESTIONS = [Question("a", "Who’s  first?", ("x",)), Question("b", "Why?", ("y",))]


def squad(**titles: list[str]) -> str:
    return json.dumps(
        {
            "data": [
                {"title": title, "paragraphs": [{"qas": [{"question": text} for text in texts]}]}
                for title, texts in titles.items()
            ]
        }
    )


def test_questions_are_known_by_their_text(tmp_path: Path) -> None:
    path = tmp_path / "dev.json"
    path.write_text(squad(One=["Who's first?"], Two=["Why?"]))
    assert articles_of_squad(path, QUESTIONS) == ("One", "Two")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (squad(One=["Who's first?"]), "question 'b' is in no articles"),
        (squad(One=["Who's first?", "Why?"], Two=["Why?"]), "question 'b' is in 2 articles"),
        ('{"data": 3}', "not SQuAD's JSON"),
        ("{", "not JSON"),
    ],
)
def test_what_tells_no_articles(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "dev.json"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        articles_of_squad(path, QUESTIONS)


def test_a_split_knows_its_file(tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text(
        "".join(json.dumps({"question": q.text, "answers": ["x"]}) + "\n" for q in QUESTIONS)
    )
    splits = {"test": {"file": "test.csv", "groups": "dev.json"}}
    made = QuestionFile("x", "string", "test", folder=str(tmp_path), splits=splits)
    assert made.questions().groups == ()
    (tmp_path / "dev.json").write_text(squad(One=["Who's first?"], Two=["Why?"]))
    assert made.questions().groups == ("One", "Two")


def test_squads_own(shared: Path) -> None:
    data = shared / "data" / "squad"
    groups = {"file": str(data / "test.gold.jsonl"), "column": "article"}
    path = str(data / "test.jsonl")
    questions = QuestionFile("squad", "string", "test", path, groups=groups).questions()
    assert len(set(questions.groups)) == 48
