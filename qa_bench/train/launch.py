"""One training by several processes, one a GPU; how they share a step is in ``ranks``.

The first is this process: it alone writes, and shows progress. The others are started as programs
and end with it, however it ends.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from qa_bench.runtime.devices import devices
from qa_bench.runtime.processes import Process
from qa_bench.train.loop import Settings, Task, learn
from qa_bench.types import Runtime

_WITHOUT = "runtime.device=cuda:0"
_PATIENCE = timedelta(minutes=10)
"""How long a process waits for the others: each makes the tokens of all texts before its first
step, and the first writes checkpoints."""
_SECONDS = 5.0
"""How long the first waits, when it has lost another, for what that one has to say."""


class _Order(NamedTuple):
    """What a process needs to take part."""

    rank: int
    processes: int
    meeting: Path
    build: Callable[[], tuple[Any, Any, Task]]
    settings: Settings
    folder: Path
    runtime: Runtime


def processes(runtime: Runtime) -> int:
    """How many processes train: one a GPU, and one on a CPU."""
    several = devices(runtime)
    return len(several) if several[0].type == "cuda" else 1


def learn_on_all(
    build: Callable[[], tuple[Any, Any, Task]], settings: Settings, folder: Path, runtime: Runtime
) -> dict[str, Any]:
    """``learn``, by a process on each GPU where there are several.

    Args:
        build: see ``learn``; it can be pickled, and its task deals its steps out (``ranks``).
        settings: how.
        folder: where the model is written.
        runtime: devices, threads and progress.

    Raises:
        UserError: see ``learn``; or another process ended early.
    """
    count = processes(runtime)
    if count == 1:
        return learn(build, settings, folder, runtime)
    with ExitStack() as stack:
        meeting = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.callback(_leave)  # when the others have ended: nobody is waited for
        others = [stack.enter_context(Process(_take_part, _WITHOUT)) for _ in range(count - 1)]
        order = _Order(0, count, meeting, build, settings, folder, runtime)
        quiet = replace(runtime, progress=False)
        for rank, other in enumerate(others, 1):
            other.send(order._replace(rank=rank, runtime=quiet))
        try:
            _meet(order)
            counts = learn(build, settings, folder, runtime)
        except RuntimeError:  # what torch raises where another process is gone
            end = time.monotonic() + _SECONDS
            for other in others:
                if other.answers(max(0.0, end - time.monotonic())):
                    other.receive()  # raises what it died of
            raise
        for other in others:
            other.receive()
    return counts


def _take_part(order: _Order) -> None:
    """What another process than the first does."""
    _end_with_parent()
    try:
        _meet(order)
        learn(order.build, order.settings, order.folder, order.runtime)
    finally:
        _leave()


def _meet(order: _Order) -> None:
    """Wait for all processes."""
    import torch
    from torch import distributed

    several = devices(order.runtime)
    device = several[order.rank % len(several)]
    if device.type == "cuda":
        torch.cuda.set_device(device)
    distributed.init_process_group(
        "nccl" if device.type == "cuda" else "gloo",
        init_method=f"file://{order.meeting}/store",
        rank=order.rank,
        world_size=order.processes,
        timeout=_PATIENCE,
    )


def _leave() -> None:
    from torch import distributed

    if distributed.is_initialized():
        distributed.destroy_process_group()


def _end_with_parent() -> None:
    """End when the process that started this one has ended, whatever this one waits for."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
