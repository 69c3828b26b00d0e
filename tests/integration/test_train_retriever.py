"""`qa-bench train retriever=…`, and a line that trains its retriever first."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_lessons import ROWS, pairs
from tiny_towers import plain_bert

Cli = Callable[..., Any]


def test_a_line_goes_on_with_what_it_trained(cli: Cli, tmp_path: Path) -> None:
    base = plain_bert(tmp_path / "base")
    known = "Where did Super Bowl 50 take place?"
    data = pairs(tmp_path / "pairs.jsonl", [*ROWS, {"question": known, "positive": "It is."}])
    (tmp_path / "questions.jsonl").write_text(
        json.dumps({"question": known.lower(), "answers": ["river"], "title": "a",
                    "context": "The river of things."}) + "\n"
        + json.dumps({"question": "which river is it", "answers": ["river"]}) + "\n"
    )  # fmt: skip
    (tmp_path / "articles.jsonl").write_text(
        json.dumps({"id": "1", "title": "a", "text": "The river of things."}) + "\n"
        + json.dumps({"id": "2", "title": "b", "text": "The king is one."}) + "\n"
    )  # fmt: skip
    words = (
        "corpus=jsonl", "corpus.path=articles.jsonl", "chunker=words", "dataset=file",
        "dataset.path=questions.jsonl", "retriever=dense",
        "retriever.pooling=mean", "retriever.max_length=32", "runtime.device=cpu",
        "train=retriever", f"train.data={data}", f"train.base={base}", "train.epochs=1",
        "train.batch=3", "name=trained", "contrastive_entropy=1",
    )  # fmt: skip
    done = cli("run", "-m", *words, "train.negatives=0,2")
    assert done.returncode == 0, done.stderr
    assert "was trained on 1 of 2 questions" in done.stderr
    table = (tmp_path / "results/trained.md").read_text(encoding="utf-8")
    assert "train.negatives=0" in table
    assert "train.negatives=2" in table
    assert "was trained on 1 of 2 questions" in table
    assert "contrastive entropy" in table
    assert "similarities times 20, of the 1 of 2 questions with a gold passage" in table
    for path in (tmp_path / "results/trained").glob("*.csv"):
        entropies = [
            row["contrastive_entropy"] for row in csv.DictReader(path.read_text().splitlines())
        ]
        assert float(entropies[0]) > 0
        assert entropies[1] == ""
    for path in (tmp_path / "results/trained").glob("*.json"):
        details = json.loads(path.read_text())["predicate"]["runDetails"]
        assert details["costs"]["examples"] == len(ROWS) + 1
        assert details["costs"]["non_embedding_parameters"] > 0
    stages = sorted(path.name for path in (tmp_path / "data/cache/train").glob("pairs-*"))
    assert len(stages) == 2
    certificates = [path.read_text() for path in (tmp_path / "results").rglob("*.json")]
    assert all(any(f"train/{stage}/manifest.json" in text for text in certificates)
               for stage in stages)  # fmt: skip
    again = cli("search", *words, "train.negatives=2", "verbose=true")
    assert f"train: reusing {stages[0]}" in again.stderr or (
        f"train: reusing {stages[1]}" in again.stderr
    )
    assert "search: reusing" in again.stderr
    alone = cli("train", *words, "train.negatives=2")
    assert alone.returncode == 0, alone.stderr
    folder = Path(alone.stdout.split("retriever.model=")[1].split()[0])
    assert folder.parent.name in stages
    assert {"modules.json", "training.json"} <= {
        path.name for path in (tmp_path / folder).iterdir()
    }


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("train retriever=bm25_native train.data=d.jsonl", "is not trained"),
        ("train retriever=dense", "train needs train.data="),
        ("train retriever=dense train.data=d.jsonl train.epoch=1", "train.epoch"),
        ("train retriever=dense train.data=d.jsonl train.batch=1 train.negatives=0", "batch=1"),
        ("run retriever=dense train.epochs=1 corpus=sample", "train=retriever lets a line train"),
        ("run train=retriever run=d.jsonl train.data=d.jsonl", "run= has been searched already"),
        ("search train=reader reader=extractive train.data=d.jsonl corpus=sample",
         "a line trains its retriever alone"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line(words: str, told: str, cli: Cli, tmp_path: Path) -> None:
    pairs(tmp_path / "d.jsonl")
    done = cli(*words.split())
    assert done.returncode == 2, done.stdout
    assert told in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
