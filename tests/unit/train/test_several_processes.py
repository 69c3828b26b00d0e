"""Training by two processes: what one makes, a checkpoint of either, and no process left over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_lessons import pairs
from tiny_towers import plain_bert

from qa_bench.errors import UserError
from qa_bench.retriever.dense.part import Dense
from qa_bench.runtime.processes import Process
from qa_bench.train import launch, loop, ranks
from qa_bench.train.loop import TrainingFiles
from qa_bench.types import Runtime

RUNTIME = Runtime(threads=1, device="cpu", progress=False)


def train(folder: Path, base: Path, **options: Any) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    data = pairs(folder.parent / "pairs.jsonl")
    part = Dense(model=str(base), pooling="mean")
    common = {"epochs": 2, "batch": 2, "checkpoint": 2, "dropout": 0.0, "learning_rate": 1e-3}
    settings = part.training({**common, **options})
    return part.train(TrainingFiles([data]), settings, folder, RUNTIME)


def weights(folder: Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    found = [load_file(path) for path in sorted((folder / "model").rglob("*.safetensors"))]
    assert found
    return {f"{n}.{name}": tensor for n, one in enumerate(found) for name, tensor in one.items()}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return plain_bert(tmp_path_factory.mktemp("models") / "base")


def gradients(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, np.ndarray]]:
    """Gets the gradients of each step of this process, when those of all are in them."""
    steps: list[dict[str, np.ndarray]] = []
    learn = loop._Run._learn
    clip = torch.nn.utils.clip_grad_norm_

    def noted_learn(self: Any, rate: float) -> None:
        named = dict(self.model.named_parameters())

        def noted(*words: Any) -> Any:
            steps.append({n: w.grad.numpy().copy() for n, w in named.items() if w.grad is not None})
            return clip(*words)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(torch.nn.utils, "clip_grad_norm_", noted)
            learn(self, rate)

    monkeypatch.setattr(loop._Run, "_learn", noted_learn)
    return steps


def close(one: dict[str, np.ndarray], other: dict[str, np.ndarray], most: float) -> None:
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        if "attention.self.key.bias" not in name:  # its gradient is 0 but for rounding
            bound = most * max(1.0, float(np.abs(tensor).max(initial=0)))
            np.testing.assert_allclose(tensor, other[name], rtol=0, atol=bound, err_msg=name)


def test_two_processes_go_on_from_one_and_end_as_it(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two towers: each process has gradients of both, one of its own texts alone."""
    options = {"sharing": "ade", "cache": 2}
    steps = gradients(monkeypatch)
    counts = train(tmp_path / "one", base, **options)
    alone = list(steps)
    step, numbers = loop._Run._step, []

    def killed(self: Any, number: int) -> float:
        numbers.append(number)
        if len(numbers) == 4:
            raise KeyboardInterrupt
        return step(self, number)

    with monkeypatch.context() as patch:
        patch.setattr(loop._Run, "_step", killed)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "two", base, **options)
    started: list[Any] = []

    class Watched(Process):
        def __init__(self, *words: Any) -> None:
            super().__init__(*words)
            started.append(self._process)

    monkeypatch.setattr(launch, "Process", Watched)
    monkeypatch.setattr(launch, "processes", lambda runtime: 2)
    steps.clear()
    together = train(tmp_path / "two", base, **options)
    assert (len(alone), len(steps)) == (2 + 6, 2 + 4), "two tell the cost"
    close(alone[0], steps[0], 2e-6)
    for before, after in zip(alone[4:], steps[2:], strict=True):
        close(before, after, 1e-4)
    assert {**together, "loss": 0} == {**counts, "loss": 0}
    assert together["loss"] == pytest.approx(counts["loss"], abs=2e-4)
    close(weights(tmp_path / "one"), weights(tmp_path / "two"), 1e-4)
    assert [one.poll() is not None for one in started] == [True]
    assert ranks.size() == 1


def test_ctrl_c_and_errors_end_all(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Any] = []

    class Watched(Process):
        def __init__(self, *words: Any) -> None:
            super().__init__(*words)
            started.append(self._process)

    monkeypatch.setattr(launch, "Process", Watched)
    monkeypatch.setattr(launch, "processes", lambda runtime: 2)
    step = loop._Run._step

    def interrupted(self: Any, number: int) -> float:
        if number == 1:
            raise KeyboardInterrupt
        return step(self, number)

    with monkeypatch.context() as patch:
        patch.setattr(loop._Run, "_step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "out", base)

    def lost(self: Any, number: int) -> float:
        started[-1].kill()
        return step(self, number)

    monkeypatch.setattr(loop._Run, "_step", lost)
    with pytest.raises(UserError, match=r"ended early, by signal 9.*runtime\.device=cuda:0"):
        train(tmp_path / "out", base)
    assert [one.poll() is not None for one in started] == [True, True]
    assert not (tmp_path / "out/model").exists()
    assert ranks.size() == 1
