"""A training that is killed at any point where it writes, or between, ends as one that was not."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deaths import Life, dying, living

from qa_bench.engine.context import Context
from qa_bench.engine.stage import Stage
from qa_bench.stages.train import train
from qa_bench.train import loop
from qa_bench.train.loop import MODEL_FOLDER, Settings, Task, TrainingFiles, learn
from qa_bench.types import Runtime

SETTINGS = Settings("sum", epochs=2, batch=2, checkpoint=2, learning_rate=1e-2)
STEPS = 6


class Sums(Task):
    """Rows of a file, whose sums a small network guesses."""

    def __init__(self, rows: np.ndarray) -> None:
        self._rows = rows.astype(np.float32)
        self.lengths = np.full(len(rows), 3)
        self.tokens, self.sequences = self.lengths, len(rows)
        self.counts = {"looked": 0}

    def loss(self, model: Any, places: np.ndarray) -> Any:
        import torch

        self.counts["looked"] += len(places)
        rows = torch.from_numpy(self._rows[places])
        return (model(rows).squeeze(1) - rows.sum(1)).square().mean()


class Sum:
    """A learner as the stage wants one."""

    identity: Mapping[str, Any] = {"part": "sum"}
    reading_only = frozenset[str]()

    def sources(self) -> dict[str, str]:
        return {}

    search_sources = sources

    def train(
        self, files: TrainingFiles, settings: Settings, folder: Path, runtime: Runtime
    ) -> dict[str, Any]:
        def build() -> tuple[Any, Any, Task]:
            import torch
            from safetensors.torch import save_file

            model = torch.nn.Sequential(
                torch.nn.Linear(3, 4), torch.nn.Dropout(0.2), torch.nn.Linear(4, 1)
            )

            def save(target: Path) -> None:
                target.mkdir()
                (target / "config.json").write_text("{}")
                save_file(model.state_dict(), target / "model.safetensors")

            model.save = save  # type: ignore[assignment]
            return model, None, Sums(np.loadtxt(files.data[0]))

        return learn(build, settings, folder, runtime)


@pytest.fixture(autouse=True)
def points(monkeypatch: pytest.MonkeyPatch) -> None:
    """Points at each step, and where safetensors writes by itself."""
    import safetensors.torch

    monkeypatch.setattr(loop._Run, "_step", dying(loop._Run._step, "step", 1))
    save = dying(safetensors.torch.save_file, "save_file", 1)
    monkeypatch.setattr(safetensors.torch, "save_file", save)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # this is about names, not disks


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "rows.txt"
    np.savetxt(path, np.arange(18).reshape(6, 3) / 10)
    return path


def stage(data: Path, cache: Path, settings: Settings = SETTINGS) -> tuple[Stage, Context]:
    context = Context(cache, Runtime(threads=1, device="cpu", progress=False))
    learner: Any = Sum()
    return train(learner, TrainingFiles([data]), settings, context), context


def outcome(data: Path, cache: Path, settings: Settings = SETTINGS) -> tuple[Any, dict[str, str]]:
    made, context = stage(data, cache, settings)
    folder = context.run(made)
    files = {
        str(path.relative_to(folder.path)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.path.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }
    return folder.manifest["counts"], files


def test_killed_anywhere(data: Path, tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    with living(life := Life(tmp_path / "whole")):
        expected = outcome(data, tmp_path / "whole")
    points = life.points
    assert points.count("step") == STEPS
    assert points.count("save_file") == 2 + 1, "two checkpoints, and the model"
    assert any(point.startswith("os.rename checkpoint-00000") for point in points)
    assert any("manifest.json" in point for point in points)
    assert f"{MODEL_FOLDER}/model.safetensors" in expected[1]
    for half in (False, True):
        for number, point in enumerate(points):
            if half and not point.startswith(("open", "save_file")):
                continue
            cache = tmp_path / f"{number}-{half}"
            cache.mkdir()
            with living(Life(cache, number, half)):
                outcome(data, cache)
            made, context = stage(data, cache)
            if (finished := context.find(made)) is not None:
                assert (finished.path / MODEL_FOLDER / "config.json").is_file(), point
            else:
                assert not context.target(made).exists(), point
            assert outcome(data, cache) == expected, f"{number}: {point}, half={half}"


def test_killed_again_and_again(data: Path, tmp_path: Path) -> None:
    """Each life comes one point further than the last one has."""
    expected = outcome(data, tmp_path / "whole")
    cache, number = tmp_path / "cache", 0
    cache.mkdir()
    while True:
        life = Life(cache, number)
        with living(life):
            outcome(data, cache)
        if len(life.points) <= number:
            break
        number += 1
    assert number > STEPS
    assert outcome(data, cache) == expected


@pytest.mark.parametrize("change", ["seed", "data"])
def test_another_training_does_not_go_on_from_its_checkpoint(
    change: str, data: Path, tmp_path: Path
) -> None:
    other = SETTINGS if change == "data" else Settings(**{**asdict(SETTINGS), "seed": 1})
    cache = tmp_path / "cache"
    cache.mkdir()
    life = Life(cache)
    with living(life):
        outcome(data, tmp_path / "cache")
    # In the same cache a killed one, with a checkpoint; then the other one.
    killed = tmp_path / "killed"
    killed.mkdir()
    at = [number for number, point in enumerate(life.points) if point == "step"][4]
    with living(Life(killed, at)):
        outcome(data, killed)
    assert list(killed.rglob("checkpoint-*.safetensors"))
    if change == "data":
        np.savetxt(data, np.arange(18).reshape(6, 3) / 20)
    alone = outcome(data, tmp_path / "alone", other)
    numbers: list[int] = []
    step = loop._Run._step

    def counted(self: Any, number: int) -> float:
        numbers.append(number)
        return step(self, number)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop._Run, "_step", counted)
        assert outcome(data, killed, other) == alone
    assert numbers == list(range(STEPS))
