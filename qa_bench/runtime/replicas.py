"""A model on every device, and batches of rows through it: whatever runs a model runs it so.

Encoders, rerankers and extractive readers: rows of the same number of tokens make a batch, so that
none depends on its neighbours, and on a CPU every core runs batches of its own. Generation brings
its batches, and has a CPU's threads together.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from qa_bench.errors import UserError
from qa_bench.runtime.devices import devices, torch_threads, worker_threads
from qa_bench.runtime.onednn import quicken
from qa_bench.types import Runtime

if TYPE_CHECKING:
    import torch

Result = TypeVar("Result")

_CPU_TOKENS, _GPU_TOKENS = 2048, 65_536
"""Tokens a batch. On a CPU larger ones leave the caches: more memory, and slower from 4096 on."""


class Replicas:
    """Copies of a model, one a device. They run for one caller at a time."""

    def __init__(self, model: Any, name: str, runtime: Runtime, whole_cpu: bool = False) -> None:
        """Put them there.

        Args:
            model: a torch module.
            name: what it is called.
            runtime: devices, threads and batch size.
            whole_cpu: one worker has all threads of a CPU, instead of every core a worker, and
                torch's own operators. Generation is no faster with a worker a core (seen with 135 M
                parameters on two cores), but would hold as many caches of keys and values.
        """
        self._name, self._batch_size = name, runtime.batch_size
        self._devices = devices(runtime)
        self._threads: int | None = None
        if self._devices[0].type == "cpu":
            self._threads = runtime.workers if whole_cpu else 1
            if whole_cpu:
                del self._devices[1:]
            else:
                quicken(model, _CPU_TOKENS)
        every = list(dict.fromkeys(self._devices))
        copies = {device: model if len(every) == 1 else copy.deepcopy(model) for device in every}
        self._copies = [copies[device].to(device) for device in self._devices]

    @property
    def on_cpu(self) -> bool:
        """Whether they are on a CPU."""
        return self._threads is not None

    def run(
        self,
        lengths: np.ndarray,
        forward: Callable[[np.ndarray, Any, torch.device], Result],
        batches: Sequence[np.ndarray] | None = None,
    ) -> Iterator[tuple[np.ndarray, Result]]:
        """(places of some rows, what ``forward`` made of them) until all are done.

        Args:
            lengths: tokens of each row; (rows,). 0 where nobody knows.
            forward: takes the places of a batch, a copy of the model and its device.
            batches: places of rows that go together; None for rows of one length, the longest
                first, and rows of no tokens left out.

        Raises:
            UserError: a device's memory is too small.
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
            except torch.OutOfMemoryError as error:
                longest = int(lengths[batch].max())
                refusal = UserError(
                    f"model {self._name}: {device} has too little memory for {len(batch)} texts"
                    f"{f' of up to {longest:,} tokens' if longest else ''} at once: set a smaller "
                    "runtime.batch_size, give it fewer or shorter passages, or runtime.device=cpu"
                )
                failed.append(refusal)
                raise refusal from error
            except BaseException as error:
                failed.append(error)
                raise
            finally:
                free.append(worker)

        todo = list(self.batches(lengths)) if batches is None else batches
        with torch_threads(self._threads):
            if (
                self.on_cpu and len(self._devices) == 1
            ):  # nobody to wait for: Ctrl-C ends it at once
                for batch in todo:
                    yield batch, one(batch)
                return
            with worker_threads(len(self._devices), one_each=self.on_cpu) as pool:
                yield from zip(todo, pool.map(one, todo), strict=True)

    def batches(self, lengths: np.ndarray) -> Iterator[np.ndarray]:
        """Places of rows of the same length, the longest first; rows of no tokens are left out."""
        order = np.argsort(-lengths, kind="stable")
        for group in np.split(order, np.flatnonzero(np.diff(lengths[order])) + 1):
            length = int(lengths[group[0]]) if len(group) else 0
            if not length:
                continue
            tokens = _CPU_TOKENS if self.on_cpu else _GPU_TOKENS
            size = self._batch_size or max(1, tokens // length)
            for first in range(0, len(group), size):
                yield group[first : first + size]
