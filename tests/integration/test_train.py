"""`qa-bench train`: a model once, and a reader that takes it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from extractive_models import encoder
from reading_lessons import SQUAD, written

from qa_bench.reader.extractive.part import Extractive

Cli = Callable[..., Any]


def test_the_verb_trains_once_and_the_reader_takes_it(cli: Cli, tmp_path: Path) -> None:
    base = encoder(tmp_path / "base")
    data = written(tmp_path / "train.json", SQUAD)
    words = (
        "train", "reader=extractive", f"++train.base={base}", f"++train.data={data}",
        "++train.epochs=1", "reader.question_tokens=16", "reader.max_length=64",
        "runtime.device=cpu",
    )  # fmt: skip
    done = cli(*words)
    assert done.returncode == 0, done.stderr
    folder = done.stdout.split("reader.model=")[1].strip()
    assert Extractive(model=str(tmp_path / folder)).sources()
    manifest = json.loads((tmp_path / folder).parent.joinpath("manifest.json").read_text())
    assert manifest["counts"]["without_answer"] == 1
    assert manifest["counts"]["examples"] == 2
    again = cli(*words, "verbose=true", "reader.aggregation=gar", "++train.checkpoint=5")
    assert "reusing" in again.stderr, "what only chooses answers is not trained for"
    other = cli(*words, "verbose=true", "++train.seed=1")
    assert "train.seed was 0, is 1" in other.stderr
    two = cli(*words, f"++train.data=[{data},{data}]")
    folder = two.stdout.split("reader.model=")[1].strip()
    manifest = json.loads((tmp_path / folder).parent.joinpath("manifest.json").read_text())
    assert manifest["counts"]["examples"] == 4
    assert set(manifest["inputs"]) == {"data0", "data1", "reader_model"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("train",), "train needs to know what to train: one of reader=, retriever=, reranker="),
        (("train", "reader=extractive", "retriever=dense"), "reader= and retriever= are two"),
        (("train", "reader=extractive"), "train needs train.data="),
        (("train", "reader=extractive", "++train.data=none.json"), "none.json: no such file"),
        (("train", "reader=extractive", "++train.epoch=1"), "train.epoch: no such setting here"),
        (("train", "reader=oracle", "train.data=none.json"), "reader/Oracle is not trained"),
        (
            ("train", "reader=extractive", "train.data=t.json", "train.objective=mlm"),
            "train.objective: spans or dpr, got 'mlm'",
        ),
    ],
)
def test_the_verbs_errors(words: tuple[str, ...], told: str, cli: Cli, tmp_path: Path) -> None:
    written(tmp_path / "t.json", SQUAD)
    done = cli(*words)
    assert done.returncode == 2
    assert told in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
