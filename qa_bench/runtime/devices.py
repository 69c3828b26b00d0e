"""What the parts that use torch share: devices and threads."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import TYPE_CHECKING

from qa_bench.errors import UserError
from qa_bench.types import Runtime

if TYPE_CHECKING:
    import torch


def devices(runtime: Runtime) -> list[torch.device]:
    """One device a worker thread: every GPU once, or the CPU once a core."""
    import torch

    if runtime.device == "cpu":
        return [torch.device("cpu")] * runtime.workers
    if runtime.device != "auto":
        device = torch.device(runtime.device)
        there = torch.cuda.device_count() if device.type == "cuda" else _mps()
        if (device.index or 0) >= there:
            raise UserError(f"runtime.device={runtime.device}: torch finds no such device here")
        return [device]
    if torch.cuda.is_available():
        return [torch.device("cuda", number) for number in range(torch.cuda.device_count())]
    return [torch.device("cpu")] * runtime.workers


def _mps() -> int:
    import torch

    return int(torch.backends.mps.is_available())


@contextmanager
def torch_threads(count: int | None) -> Iterator[None]:
    """Let torch spread an operation over so many threads; None leaves it at what it has."""
    import torch

    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def one_thread_each(on_cpu: bool) -> AbstractContextManager[None]:
    """Let torch start no threads of its own: workers that share nothing keep the cores busier."""
    return torch_threads(1 if on_cpu else None)


@contextmanager
def worker_threads(count: int, one_each: bool = False) -> Iterator[ThreadPoolExecutor]:
    """A pool which, when left, forgets what it has not begun: Ctrl-C and errors end at once.

    Args:
        count: threads.
        one_each: torch must start none of its own in them. oneDNN looks at a setting of the
            calling thread, which is otherwise not made before the first operation of another kind.
    """
    import torch

    first = partial(torch.set_num_threads, 1) if one_each else None
    pool = ThreadPoolExecutor(count, initializer=first)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def full_sums() -> Iterator[None]:
    """Have products added up in float32, and float32 multiplied as such, whoever set what before.

    A GPU may add parts of a bfloat16 product in bfloat16, by default.
    """
    import torch

    matmul = torch.backends.cuda.matmul
    before = matmul.allow_bf16_reduced_precision_reduction, torch.get_float32_matmul_precision()
    matmul.allow_bf16_reduced_precision_reduction = False
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        matmul.allow_bf16_reduced_precision_reduction = before[0]
        torch.set_float32_matmul_precision(before[1])
