"""Examples of every file that retrievers and rerankers learn from."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from reading_lessons import SQUAD, written

from qa_bench.errors import DataError, UserError
from qa_bench.formats.dpr_training import Example, TrainingPassage, write_examples
from qa_bench.train.examples import drawn, read
from qa_bench.train.loop import TrainingFiles
from qa_bench.types import Passage


def lines(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def several(*paths: Path, articles: Path | None = None, **more: Any) -> list[Example]:
    return list(read(TrainingFiles(list(paths), articles), {}, **more))


def texts(passages: list[TrainingPassage]) -> list[str]:
    return [one.passage.text for one in passages]


def test_squads_paragraphs_and_those_near_them(tmp_path: Path) -> None:
    counts: dict[str, int] = {}
    files = TrainingFiles([written(tmp_path / "train.json", SQUAD)])
    first, _, third = read(files, counts)
    assert counts == {"questions": 3, "without_positive": 0}
    assert (first.question, first.answers) == ("a?", ["anna"])
    assert first.positives[0].passage.title == "Kings of old"
    assert texts(first.positives) == ["Anna and anna. Then Louis."]
    assert texts(first.hard_negatives) == ["Louis again."], "the last paragraph holds the answer"
    assert math.isnan(first.hard_negatives[0].score)
    assert texts(third.hard_negatives) == ["Louis again.", "Of ANNA."]
    assert texts(several(*files.data, near=0)[0].hard_negatives) == []


def test_paragraphs_by_number(tmp_path: Path) -> None:
    articles = lines(tmp_path / "a.jsonl", {"title": "Kings of old", "text": "One.\n\nTwo.\n\nSix"})
    row = {"question": "q", "answers": ["two"], "article": "Kings_of_old", "paragraph": 1}
    data = lines(tmp_path / "d.jsonl", row)
    [example] = several(data, articles=articles)
    assert texts(example.positives) == ["Two."]
    assert texts(example.hard_negatives) == ["One.", "Six"]
    with pytest.raises(UserError, match=r"set train\.articles="):
        several(data)
    beyond = lines(tmp_path / "e.jsonl", {**row, "paragraph": 3})
    with pytest.raises(DataError, match="no paragraph 3 of 'Kings of old'"):
        several(beyond, articles=articles)


def test_pairs(tmp_path: Path) -> None:
    data = lines(
        tmp_path / "d.jsonl",
        {"question": "q", "positive": "p"},
        {"question": "r", "positives": [{"title": "t", "text": "p"}, "o"], "negatives": ["n"],
         "scores": [3, 2.5, 1], "answers": ["x"], "task": "pairs"},
        {"question": "s", "positive": " "},
    )  # fmt: skip
    counts: dict[str, int] = {}
    first, second = read(TrainingFiles([data]), counts)
    assert counts == {"questions": 3, "without_positive": 1}
    assert texts(first.positives) == ["p"]
    assert math.isnan(first.positives[0].score)
    assert second.positives[0].passage.title == "t"
    assert [one.score for one in (*second.positives, *second.hard_negatives)] == [3, 2.5, 1]
    assert (second.answers, second.dataset) == (["x"], "pairs")
    assert len(several(data, bare=True)) == 3


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"question": "q", "positive": 3}, "a passage must be a text"),
        ({"question": "q", "positive": "p", "scores": [1, 2]}, "one a passage"),
        ({"question": "q", "positive": "p", "scores": [True]}, "a list of numbers"),
        ({"question": "q", "positive": "p", "answers": "x"}, "'answers' must be a list"),
        ({"positive": "p"}, "question"),
    ],
)
def test_pairs_that_are_none(row: dict[str, Any], told: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=told) as error:
        several(lines(tmp_path / "d.jsonl", {"question": "q", "positive": "p"}, row))
    assert ":2" in str(error.value) or "line 2" in str(error.value)


def test_dprs_files(tmp_path: Path) -> None:
    one = TrainingPassage(Passage("1", "t", "p"), 1000, 1)
    example = Example("nq", "q", ["p"], [one], [], [])
    with (tmp_path / "d.json").open("w") as file:
        write_examples(file, [example, Example("nq", "r", ["x"], [], [], [one])])
    counts: dict[str, int] = {}
    assert list(read(TrainingFiles([tmp_path / "d.json"]), counts)) == [example]
    assert counts == {"questions": 2, "without_positive": 1}


def test_fewer_examples_are_part_of_more() -> None:
    made = [Example("", str(number), [], [], [], []) for number in range(100)]
    few, more = drawn(made, 10, 3), drawn(made, 60, 3)
    assert len(few) == 10
    assert [one for one in more if one in few] == few
    assert drawn(made, None, 3) == drawn(made, 200, 3) == made
    assert drawn(made, 10, 4) != few
