"""What the parts that use torch share: devices, threads, and a quick linear layer."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

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
def one_thread_each(on_cpu: bool) -> Iterator[None]:
    """Let torch start no threads of its own: workers that share nothing keep the cores busier."""
    import torch

    before = torch.get_num_threads()
    if on_cpu:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


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


def onednn() -> bool:
    """Whether oneDNN's product is at hand and likely the quicker one.

    On AMD's processors torch's own (MKL) leaves half of their speed unused.
    """
    import torch

    backend: Any = torch.backends.mkldnn
    return (
        bool(backend.is_available())
        and platform.machine() in ("x86_64", "AMD64")
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    )


def quick_linear(x: torch.Tensor, weight: torch.Tensor, bias: Any = None) -> torch.Tensor:
    """``x @ weight.T + bias``, by oneDNN for float32 on a CPU."""
    import torch

    if x.dtype == torch.float32 and x.device.type == "cpu" and onednn():
        result: torch.Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
        return result
    return torch.nn.functional.linear(x, weight, bias)


def quicken(model: Any, tokens: int) -> None:
    """Let a model's linear layers, on a CPU, use oneDNN's product, weights laid out for it before.

    The GELU that follows in ``BertIntermediate`` and its like is part of the product. float32
    values are the same to about 1e-6, and do not depend on how many texts a batch has. The plain
    weights stay where they are, in the mapped file: a model's own code may look at them.

    Args:
        model: a torch module.
        tokens: rows that a product usually has; any other number is right too.
    """
    import torch

    if not onednn():
        return
    dtypes = {torch.float32}
    if torch.ops.mkldnn._is_mkldnn_bf16_supported():
        dtypes.add(torch.bfloat16)
    laid_out = {
        layer: torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach(), tokens)
        for layer in model.modules()
        if type(layer) is torch.nn.Linear and layer.weight.dtype in dtypes
    }
    for layer, weight in laid_out.items():
        layer.forward = partial(_linear, weight, layer.bias, "none")  # type: ignore[method-assign]
    for layer in model.modules():
        if not type(layer).__name__.endswith("Intermediate"):
            continue
        dense, after = getattr(layer, "dense", None), getattr(layer, "intermediate_act_fn", None)
        if dense in laid_out and type(after).__name__ == "GELUActivation":
            layer.forward = partial(_linear, laid_out[dense], dense.bias, "gelu")


def _linear(
    weight: torch.Tensor, bias: torch.Tensor | None, after: str, x: torch.Tensor
) -> torch.Tensor:
    import torch

    product = torch.ops.mkldnn._linear_pointwise
    result: torch.Tensor = product(x, weight, bias, after, [], "none")
    return result


SEARCH_RATE = 5e11
"""Multiplications and additions a second of an exact search, on two cores."""

_CPU_RATE, _GPU_RATE = 1.7e11, 3e13
"""Those of an encoder: a core (MiniLM in float32, measured), a GPU (a guess)."""


def encoding_rate(runtime: Runtime) -> float:
    """Multiplications and additions a second that an encoder reaches on this machine's devices."""
    workers = devices(runtime)
    return len(workers) * (_CPU_RATE if workers[0].type == "cpu" else _GPU_RATE)
