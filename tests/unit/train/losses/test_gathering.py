"""Two processes with negatives of both learn what one does from all questions and passages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import gathering_worker
import numpy as np
import pytest
from loss_batches import arrays, tensors

from qa_bench.train.losses.batch import Batch
from qa_bench.train.losses.gathering import gather, gather_rows

MINED = ((2, 1), (0, 3))
"""Of each process' questions."""


def test_one_process_gets_its_batch_back() -> None:
    batch = tensors(arrays(1))
    assert gather(batch) is batch
    assert gather_rows(batch.passages) is batch.passages


def whole_and_parts() -> tuple[Batch, list[dict[str, np.ndarray]]]:
    """A batch of all, and what each process has of it."""
    batch = arrays(12, (*MINED[0], *MINED[1]), size=7)
    places = [[0, 1, 4, 5, 6], [2, 3, 7, 8, 9]]
    several = []
    for rank, mine in enumerate(places):
        rows = mine[:2]
        pairs = {
            name: np.asarray(getattr(batch, name))[np.ix_(rows, mine)]
            for name in ("own", "masked", "teacher")
        }
        elsewhere = np.asarray(batch.masked)[np.ix_(rows, places[1 - rank])]
        vectors = {"questions": batch.questions[rows], "passages": batch.passages[mine]}
        several.append({**vectors, **pairs, "elsewhere": elsewhere})
    return batch, several


def alone(batch: Batch, loss: Any) -> np.ndarray:
    """Gradient and loss of one process that has all."""
    parts = tensors(batch)
    model = gathering_worker.encoder(batch.questions.shape[1])
    vectors = {name: model(getattr(parts, name)) for name in ("questions", "passages")}
    value = loss(parts._replace(**vectors))
    value.backward()
    return np.append(gathering_worker.gradients(model), value.item())


def test_two_processes_learn_what_one_does(tmp_path: Path) -> None:
    batch, several = whole_and_parts()
    path = os.pathsep.join([str(Path(gathering_worker.__file__).parent), *sys.path])
    processes = []
    for rank, parts in enumerate(several):
        np.savez(tmp_path / f"{rank}.npz", **parts)
        words = [sys.executable, gathering_worker.__file__, str(rank), "2", str(tmp_path)]
        environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
        processes.append(
            subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True)
        )
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    for name, loss in gathering_worker.LOSSES.items():
        expected = alone(batch, loss)
        for kind in (name, f"{name}-cached"):
            results = []
            for rank in range(2):
                with np.load(tmp_path / f"{rank}.out.npz") as file:
                    results.append(file[kind])
            np.testing.assert_allclose(results[0][:-1], expected[:-1], rtol=1e-9, atol=1e-12)
            np.testing.assert_array_equal(results[0][:-1], results[1][:-1])
            assert np.mean([one[-1] for one in results]) == pytest.approx(expected[-1], rel=1e-9)
