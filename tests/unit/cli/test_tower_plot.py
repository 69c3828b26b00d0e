"""`qa-bench plot kind=towers`: which pairs are drawn, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from qa_bench.cli.tower_plot import TextEncoder, read_pairs
from qa_bench.errors import UserError
from qa_bench.formats.dpr_training import Example, TrainingPassage, write_examples
from qa_bench.types import Passage


def written(path: Path, count: int, positives: int = 2) -> Path:
    with path.open("w", encoding="utf-8") as file:
        several = [
            TrainingPassage(Passage(str(n), f"title {n}", f"text {n}")) for n in range(positives)
        ]
        examples = (Example("x", f"q{n}", ["a"], several, [], []) for n in range(count))
        write_examples(file, examples)
    return path


def test_pairs_are_spread_over_the_files(tmp_path: Path) -> None:
    files = [str(written(tmp_path / "a", 4)), str(written(tmp_path / "b", 5))]
    assert read_pairs(files[0], 9) == [(f"q{n}", "title 0", "text 0") for n in range(4)]
    assert [question for question, _, _ in read_pairs(files, 3)] == ["q0", "q0", "q4"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (None, "plot.pairs=<a file of `qa-bench mine`>"),
        (["none.json"], "plot.pairs: none.json: no such file"),
        ("empty", "no question with a positive passage in"),
    ],
)
def test_refusals(tmp_path: Path, files: Any, message: str) -> None:
    path = written(tmp_path / "empty", 2, positives=0)
    with pytest.raises(UserError, match=message):
        read_pairs(str(path) if files == "empty" else files, 3)


def test_only_bi_encoders_make_vectors_of_texts() -> None:
    from qa_bench.retriever.bm25.part import Bm25
    from qa_bench.retriever.dense.part import Dense

    assert isinstance(Dense("m"), TextEncoder)
    assert not isinstance(Bm25(), TextEncoder)
