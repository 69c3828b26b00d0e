"""The real question files are recognised as those that were published."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import yaml

from qa_bench.dataset.question_file import QuestionFile
from qa_bench.paths import CONF
from qa_bench.types import QuestionSet

pytestmark = pytest.mark.shared

SIZES = {
    ("nq", "test"): 3610,
    ("nq", "dev"): 8757,
    ("triviaqa", "test"): 11313,
    ("triviaqa", "dev"): 8837,
    ("webq", "test"): 2032,
    ("webq", "dev"): 361,
    ("webq", "train"): 3417,
    ("curatedtrec", "test"): 694,
    ("curatedtrec", "dev"): 133,
    ("curatedtrec", "train"): 1353,
    ("squad", "test"): 10570,
    ("squad", "dev"): 8886,
    ("squad", "train"): 78713,
}


def read(name: str, split: str, **changes: Any) -> QuestionSet:
    settings = yaml.safe_load((CONF / "dataset" / f"{name}.yaml").read_text(encoding="utf-8"))
    del settings["about"]
    assert settings.pop("_target_") == "qa_bench.dataset.question_file.QuestionFile"
    return QuestionFile(**{**settings, "split": split, **changes}).questions()


@pytest.mark.parametrize(("name", "split"), SIZES)
def test_the_published_files_are_recognised(
    shared: Path, caplog: pytest.LogCaptureFixture, name: str, split: str
):
    caplog.set_level(logging.INFO, "qa_bench")
    questions = read(name, split, folder=str(shared / "data" / name))
    assert len(questions) == SIZES[name, split]
    assert questions.published is True
    assert caplog.messages == []
    assert questions.match == ("regex" if name == "curatedtrec" else "string")
    assert not any("’" in question.text for question in questions)


def test_the_two_nq_test_files_are_told_apart(shared: Path):
    official = str(shared / "data" / "nq" / "test.official.jsonl")
    assert read("nq_open", "test", path=official).published is True
    assert read("nq", "test", path=official).published is False
    dprs = str(shared / "data" / "nq" / "test.jsonl")
    assert read("nq_open", "test", path=dprs).published is False


@pytest.mark.parametrize("name", sorted({name for name, _ in SIZES}))
def test_the_configuration_knows_the_published_sizes(name: str):
    settings = yaml.safe_load((CONF / "dataset" / f"{name}.yaml").read_text(encoding="utf-8"))
    for split, expected in SIZES.items():
        if split[0] == name:
            assert settings["splits"][split[1]]["count"] == expected
