"""`qa-bench train retriever=dense` of passages: from random weights to a retriever."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from extractive_models import encoder, vocabulary

Cli = Callable[..., Any]

COMMON = ("train", "retriever=dense", "train.objective=mlm", "runtime.threads=1")


def test_from_random_weights(cli: Cli, tmp_path: Path) -> None:
    shape = f"layers: 1, hidden: 8, heads: 2, vocabulary: {encoder(tmp_path / 'tokens')}"
    words = (*COMMON, "corpus=sample", f"train.base={{{shape}}}", "train.examples=60")
    done = cli(*words, "train.epochs=1", "runtime.device=cpu")
    assert done.returncode == 0, done.stderr
    folder = done.stdout.split("retriever.model=")[1].strip()
    manifest = json.loads((tmp_path / folder).parent.joinpath("manifest.json").read_text())
    counts = manifest["counts"]
    assert (counts["passages"], counts["held_out_passages"]) == (30, 30)
    assert counts["base_perplexity"] == pytest.approx(len(vocabulary()), rel=0.05)
    assert set(manifest["inputs"]) == {"passages", "passage_model", "question_model"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "no corpus is chosen"),
        (
            ("corpus=sample", "train.data=a.json"),
            "leave train.data and train.articles out",
        ),
        (("corpus=sample", "train.base={layers: 1}"), "train.base.hidden is missing"),
    ],
)
def test_errors(words: tuple[str, ...], message: str, cli: Cli) -> None:
    done = cli(*COMMON, *words)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
