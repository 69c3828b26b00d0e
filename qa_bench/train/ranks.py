"""What several processes that take a step together tell each other.

Each encodes its part of the step's texts. The vectors of all are gathered, and every process takes
the loss of all of them, whose gradient goes on into its own vectors alone; then the gradients of
the weights are added up. So each has the gradient that one process would have for the whole step,
but for rounding, whatever the loss is, however the texts are dealt, and with gradient caching too.
(torch's DistributedDataParallel averages the losses of parts of a step instead, which is the same
only where each part has as many questions and the loss is a mean over them.)

Without a process group there is one process, and nothing to tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def rank() -> int:
    """This process' number, from 0; the first one writes."""
    from torch import distributed

    return distributed.get_rank() if _together() else 0


def size() -> int:
    """Number of processes."""
    from torch import distributed

    return distributed.get_world_size() if _together() else 1


def _together() -> bool:
    from torch import distributed

    return distributed.is_available() and distributed.is_initialized()


def joined(own: Tensor, counts: Sequence[int]) -> Tensor:
    """The rows of all processes, in the order of their numbers; a gradient reaches the own alone.

    Every process calls it at the same time.

    Args:
        own: this process' rows; float (n, …). Those behind its count are left out.
        counts: rows of each process.

    Returns:
        float (sum of counts, …).
    """
    import torch
    from torch import distributed

    here = rank()
    own = own[: counts[here]]
    if len(counts) == 1:
        return own
    filler = own.new_zeros((max(counts) - len(own), *own.shape[1:]))
    sent = torch.cat([own.detach(), filler])
    received = [torch.empty_like(sent) for _ in counts]
    distributed.all_gather(received, sent)
    parts = [rows[:count] for rows, count in zip(received, counts, strict=True)]
    parts[here] = own
    return torch.cat(parts)


def add_up(weights: Iterable[Tensor]) -> None:
    """Let each weight's gradient be the sum of those of all processes.

    A weight that has none anywhere is left without: the optimizer must not touch it. It takes the
    memory of the gradients once more.

    Args:
        weights: in the same order in each process.
    """
    import torch
    from torch import distributed

    if size() == 1:
        return
    several = list(weights)
    there = torch.tensor([weight.grad is not None for weight in several], dtype=torch.int32)
    there = there.to(several[0].device)
    distributed.all_reduce(there, distributed.ReduceOp.MAX)
    slopes = []
    for weight, somewhere in zip(several, there.tolist(), strict=True):
        if somewhere:
            weight.grad = torch.zeros_like(weight) if weight.grad is None else weight.grad
            slopes.append(weight.grad)
    whole = torch.cat([slope.ravel() for slope in slopes])
    distributed.all_reduce(whole)
    parts = torch.split(whole, [slope.numel() for slope in slopes])
    for slope, part in zip(slopes, parts, strict=True):
        slope.copy_(part.view_as(slope))
