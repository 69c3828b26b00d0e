"""A model on every device, and rows of tokens through it: encoders, rerankers and readers.

Rows of the same number of tokens make a batch, so that none depends on its neighbours. On a CPU
every core runs batches of its own.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from qa_bench.errors import UserError
from qa_bench.runtime.devices import devices, one_thread_each, worker_threads
from qa_bench.runtime.onednn import quicken
from qa_bench.types import Runtime

if TYPE_CHECKING:
    import torch

Result = TypeVar("Result")

_CPU_TOKENS, _GPU_TOKENS = 2048, 65_536
"""Tokens a batch. On a CPU larger ones leave the caches: more memory, and slower from 4096 on."""


class Replicas:
    """Copies of a model, one a device. They run for one caller at a time."""

    def __init__(self, model: Any, name: str, runtime: Runtime) -> None:
        """Put them there.

        Args:
            model: a torch module.
            name: what it is called.
            runtime: devices and batch size.
        """
        self._name, self._batch_size = name, runtime.batch_size
        self._devices = devices(runtime)
        self._on_cpu = self._devices[0].type == "cpu"
        if self._on_cpu:
            quicken(model, _CPU_TOKENS)
        every = list(dict.fromkeys(self._devices))
        copies = {device: model if len(every) == 1 else copy.deepcopy(model) for device in every}
        self._copies = [copies[device].to(device) for device in self._devices]

    def run(
        self,
        lengths: np.ndarray,
        forward: Callable[[np.ndarray, Any, torch.device], Result],
    ) -> Iterator[tuple[np.ndarray, Result]]:
        """(places of some rows, what ``forward`` made of them) until all are done, longest first.

        Args:
            lengths: tokens of each row; (rows,). Rows of none are left out.
            forward: takes places of rows of one length, a copy of the model and its device.

        Raises:
            UserError: a GPU's memory is too small.
        """
        import torch

        free = list(range(len(self._devices)))
        failed: list[BaseException] = []

        def one(batch: np.ndarray) -> Result:
            if failed:
                raise failed[0]
            worker = free.pop()
            device = self._devices[worker]
            try:
                with torch.inference_mode():
                    return forward(batch, self._copies[worker], device)
            except torch.cuda.OutOfMemoryError as error:
                told = UserError(
                    f"model {self._name}: {device} has too little memory for {len(batch)} texts "
                    f"of {lengths[batch[0]]} tokens at once: set runtime.batch_size"
                )
                failed.append(told)
                raise told from error
            except BaseException as error:
                failed.append(error)
                raise
            finally:
                free.append(worker)

        batches = list(self._batches(lengths))
        with (
            one_thread_each(self._on_cpu),
            worker_threads(len(self._devices), one_each=self._on_cpu) as pool,
        ):
            yield from zip(batches, pool.map(one, batches), strict=True)

    def _batches(self, lengths: np.ndarray) -> Iterator[np.ndarray]:
        """Places of rows of the same length, the longest first."""
        order = np.argsort(-lengths, kind="stable")
        for group in np.split(order, np.flatnonzero(np.diff(lengths[order])) + 1):
            length = int(lengths[group[0]]) if len(group) else 0
            if not length:
                continue
            tokens = _CPU_TOKENS if self._on_cpu else _GPU_TOKENS
            size = self._batch_size or max(1, tokens // length)
            for first in range(0, len(group), size):
                yield group[first : first + size]
