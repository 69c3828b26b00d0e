"""`qa-bench analyse`: the figures of a subset are the means of its questions."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bench_helpers import error_line, good, only, qa, read_csv, write_jsonl

QUESTIONS = [
    ("Who designed the bridge?", ["Clara Holm"]),
    ("When was it opened?", ["3 May 1887", "1887"]),
    ("how many arches has it", ["seven"]),
    ("who paid", ["the Bank of Aldby", "a bank"]),
    ("its colour?", ["somewhere between grey and a very dark green"]),
]
FOUND = {"theirs": "11010", "ours": "10001"}
"""Whether the first passage holds the answer, question by question, by system."""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two imported runs on webq's test split, whose train split is there too."""
    folder = tmp_path_factory.mktemp("both")
    raw = folder / "data/raw/webq"
    rows = [
        {"id": f"w{n}", "question": text, "answers": answers}
        for n, (text, answers) in enumerate(QUESTIONS)
    ]
    write_jsonl(raw / "test.jsonl", rows)
    train = [("Q?", ["The Seven!", "x"]), ("R?", ["clara HOLM"])]
    write_jsonl(raw / "train.jsonl", ({"question": q, "answers": a} for q, a in train))
    for system, found in FOUND.items():
        entries: list[dict[str, Any]] = [
            {
                "question": text,
                "ctxs": [
                    {
                        "id": f"{system}{n}",
                        "title": "",
                        "text": answers[0] if found[n] == "1" else "no",
                        "score": 1,
                    }
                ],
            }
            for n, (text, answers) in enumerate(QUESTIONS)
        ]
        (folder / f"{system}.json").write_text(json.dumps(entries))
        good("import", f"run={system}.json", "dataset=webq", "name=both", cwd=folder)
    return folder


@pytest.fixture
def place(both: Path, copied: Callable[[Path], Path]) -> Path:
    """The same, where a test may write."""
    return copied(both)


def rows_of(place: Path, **wanted: str) -> dict[str, tuple[int, float]]:
    """(n, answer_recall@1) by subset."""
    rows = read_csv(place / "results/both.breakdown.csv")
    return {
        row["subset"]: (int(row["n"]), float(row["answer_recall@1"]))
        for row in rows
        if all(row[name] == value for name, value in wanted.items())
    }


def test_subsets(place: Path) -> None:
    done = good("analyse", "name=both", cwd=place)
    assert done.stdout == "breakdown: results/both.breakdown.md, .breakdown.csv\n"
    by = {"system": "theirs", "dataset": "webq", "split": "test"}
    assert rows_of(place, **by, breakdown="all") == {"all": (5, 0.6)}
    assert rows_of(place, **by, breakdown="question_type") == {
        "who": (2, 1.0), "when": (1, 1.0), "how many": (1, 0.0), "other": (1, 0.0),
    }  # fmt: skip
    assert rows_of(place, **by, breakdown="answer_type") == {
        "date": (1, 1.0), "number": (1, 0.0), "entity": (2, 1.0), "other": (1, 0.0),
    }  # fmt: skip
    assert rows_of(place, **by, breakdown="answer_length") == {
        "1 word": (1, 0.0), "2 words": (1, 1.0), "3 words": (2, 1.0), "6+ words": (1, 0.0),
    }  # fmt: skip
    assert rows_of(place, **by, breakdown="overlap") == {
        "answer_overlap": (2, 0.5),
        "no_answer_overlap": (3, pytest.approx(2 / 3, abs=1e-6)),
    }
    assert rows_of(place, system="ours", breakdown="question_type")["who"] == (2, 0.5)
    signatures = {row["signature"] for row in read_csv(place / "results/both.breakdown.csv")}
    assert any(s.startswith("question_type=who|match:string|tok:dpr|n:2|") for s in signatures)


def test_systems_stand_beside_each_other(place: Path) -> None:
    good("analyse", "name=both", cwd=place)
    lines = (place / "results/both.breakdown.md").read_text().splitlines()
    start = lines.index("## webq by question_type")
    assert lines[start + 2 : start + 8] == [
        "| subset | system | n | Top-1 | Top-5 | Top-20 | Top-100 | MRR |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| all | ours | 5 | 40.00 | 40.00 | 40.00 | 40.00 | 40.00 |",
        "| all | theirs | 5 | 60.00 | 60.00 | 60.00 | 60.00 | 60.00 |",
        "| who | ours | 2 | 50.00 | 50.00 | 50.00 | 50.00 | 50.00 |",
        "| who | theirs | 2 | 100.00 | 100.00 | 100.00 | 100.00 | 100.00 |",
    ]


def test_what_cannot_be_had_is_said_once(place: Path) -> None:
    (place / "data/raw/webq/train.jsonl").unlink()
    done = good("analyse", "name=both", cwd=place)
    first, last = done.stdout.splitlines()
    assert first.startswith("no overlap of webq: ")
    assert "webquestions-train.qa.csv" in first
    assert last.startswith("breakdown: ")
    assert rows_of(place, breakdown="overlap") == {}
    assert f"> {first}" in (place / "results/both.breakdown.md").read_text()


def test_annotations_need_no_train_split(place: Path) -> None:
    raw = place / "data/raw/webq"
    (raw / "train.jsonl").unlink()
    write_jsonl(raw / "test.overlap.jsonl", [{"id": 1, "labels": ["question_overlap"]}])
    good("analyse", "name=both", cwd=place)
    assert rows_of(place, system="theirs", breakdown="overlap") == {"question_overlap": (1, 1.0)}


def test_a_set_that_is_no_choice_has_no_train_split(place: Path) -> None:
    given = ("dataset=file", "dataset.name=mine", "dataset.path=data/raw/webq/test.jsonl")
    good("import", "run=ours.json", *given, "name=both", cwd=place)
    told = good("analyse", "name=both", cwd=place).stdout
    assert "no overlap of mine: no dataset=mine to take a train split from\n" in told


def test_a_file_that_is_not_its_records(place: Path) -> None:
    told = error_line(qa("analyse", "name=none", cwd=place))
    assert told.startswith("no results of experiment 'none'")
    path = only(place.glob("results/both/webq-test--ours--*.csv"))
    whole = path.read_text()
    path.write_text("".join(whole.splitlines(keepends=True)[:-1]))
    told = error_line(qa("analyse", "name=both", cwd=place))
    assert told.endswith("has 4 questions, its record 5: run it again")
    path.write_text(whole.replace(",answers,", ",answer,"))
    told = error_line(qa("analyse", "name=both", cwd=place))
    assert told.endswith("not the values of its record ('answers'): run it again")
    path.unlink()
    assert "no such file" in error_line(qa("analyse", "name=both", cwd=place))
