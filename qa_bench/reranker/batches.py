"""Rows of tokens through a model, the cores or GPUs kept busy: a score a row.

As in ``qa_bench/retriever/encoder.py``, rows of one length make a batch, so that nothing is padded
and no score depends on its neighbours; on a CPU every core runs batches of its own.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np

from qa_bench.errors import UserError
from qa_bench.torch_tools import (
    CPU_TOKENS,
    GPU_TOKENS,
    devices,
    one_thread_each,
    quicken,
    worker_threads,
)
from qa_bench.types import Runtime


class Rows(Protocol):
    """What is scored."""

    lengths: np.ndarray
    """Tokens of each row; (rows,) int64."""

    def features(self, places: np.ndarray) -> dict[str, Any]:
        """The model's input for rows of one length: arrays of shape (places, …), and settings."""
        ...


class Batches:
    """A model on every device. It scores for one caller at a time."""

    def __init__(self, model: Any, name: str, runtime: Runtime) -> None:
        """Put copies of the model on the devices.

        Args:
            model: a torch module; takes features, returns scores (rows,).
            name: what it is called.
            runtime: devices and batch size.
        """
        self._name, self._runtime = name, runtime
        self._devices = devices(runtime)
        self._on_cpu = self._devices[0].type == "cpu"
        if self._on_cpu:
            quicken(model)
        every = list(dict.fromkeys(self._devices))
        replicas = {device: model if len(every) == 1 else copy.deepcopy(model) for device in every}
        self._replicas = [replicas[device].to(device) for device in self._devices]

    def scores(self, rows: Rows, update: Callable[[int], Any] = int) -> np.ndarray:
        """The score of every row; float32 (rows,).

        Raises:
            UserError: a GPU's memory is too small.
        """
        result = np.empty(len(rows.lengths), dtype=np.float32)
        free = list(range(len(self._devices)))

        def run(batch: np.ndarray) -> np.ndarray:
            worker = free.pop()
            try:
                return self._forward(rows.features(batch), len(batch), worker)
            finally:
                free.append(worker)

        batches = list(self._batches(rows.lengths))
        with (
            one_thread_each(self._on_cpu),
            worker_threads(len(self._devices), one_each=self._on_cpu) as pool,
        ):
            for batch, found in zip(batches, pool.map(run, batches), strict=True):
                result[batch] = found
                update(len(batch))
        return result

    def _batches(self, lengths: np.ndarray) -> Iterator[np.ndarray]:
        """Places of rows of the same length, the longest first."""
        order = np.argsort(-lengths, kind="stable")
        tokens = CPU_TOKENS if self._on_cpu else GPU_TOKENS
        for group in np.split(order, np.flatnonzero(np.diff(lengths[order])) + 1):
            if not len(group):
                return
            size = self._runtime.batch_size or max(1, tokens // int(lengths[group[0]]))
            for first in range(0, len(group), size):
                yield group[first : first + size]

    def _forward(self, features: dict[str, Any], count: int, worker: int) -> np.ndarray:
        import torch

        device = self._devices[worker]
        try:
            there = {
                name: torch.from_numpy(value.astype(np.int64)).to(device)
                if isinstance(value, np.ndarray)
                else value
                for name, value in features.items()
            }
            with torch.inference_mode():
                scores = self._replicas[worker](there)
            result: np.ndarray = scores.float().cpu().numpy()
        except torch.cuda.OutOfMemoryError as error:
            raise UserError(
                f"model {self._name}: {device} has too little memory for {count} passages at once: "
                "set runtime.batch_size"
            ) from error
        return result
