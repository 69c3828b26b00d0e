"""`qa-bench train retriever=dense` of passages: from random weights to a retriever."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]

BASE = "train.base={layers: 1, hidden: 8, heads: 2}"
COMMON = ("train", "retriever=dense", "corpus=sample", "runtime.device=cpu", "train.epochs=1")


def test_from_random_weights(cli: Cli, tmp_path: Path) -> None:
    words = (*COMMON, BASE, "train.examples=120", "verbose=true")
    done = cli(*words, "train.objective=mlm")
    assert done.returncode == 0, done.stderr
    folder = done.stdout.split("retriever.model=")[1].strip()
    manifest = json.loads((Path(tmp_path / folder).parent / "manifest.json").read_text())
    counts = manifest["counts"]
    assert (counts["passages"], counts["held_out_passages"]) == (60, 60)
    assert counts["base_perplexity"] == pytest.approx(30522, rel=0.05)
    assert counts["held_out_perplexity"] < counts["base_perplexity"]
    assert "reusing" in cli(*words, "train.objective=mlm", "train.checkpoint=3").stderr
    assert (
        "train.mask was None, is 0.3" in cli(*words, "train.objective=mlm", "train.mask=0.3").stderr
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("corpus=none", "train.objective=mlm"), "corpus"),
        (("train.objective=ict", "train.data=a.json"), "leave train.data and train.articles out"),
        (("train.objective=mlm", "train.base={layers: 1}"), "train.base.hidden is missing"),
        (("train.objective=mlm", "train.examples=1"), "1 passages to learn from"),
    ],
)
def test_errors(words: tuple[str, ...], message: str, cli: Cli) -> None:
    done = cli(*COMMON, BASE, *words)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
