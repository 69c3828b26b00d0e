"""Negatives from all processes: each sees the passages of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qa_bench.train.losses.batch import Batch

if TYPE_CHECKING:
    from torch import Tensor


def gather(batch: Batch, masked: Tensor | None = None) -> Batch:
    """The batch, with the passages of all other processes after its own.

    Every process calls it at the same time. A loss' value is the mean over the process' own
    questions; its gradient reaches the passages of the others. So where each has as many questions,
    the mean over processes, of values and of gradients, as torch's DistributedDataParallel takes
    it, is what one process gives for all questions and passages. Without a process group, or with
    one process, the batch is given back.

    Args:
        batch: of this process.
        masked: what takes no part among the others' passages, in the order of ``gather_rows``;
            bool (Q, others). None for nothing.

    Returns:
        own and teacher's scores: none of the others' passages.
    """
    import torch

    passages = gather_rows(batch.passages)
    more = len(passages) - len(batch.passages)
    if not more:
        return batch

    def wider(pairs: Tensor, value: float) -> Tensor:
        return torch.nn.functional.pad(pairs, (0, more), value=value)

    elsewhere = (
        wider(batch.masked, False) if masked is None else torch.cat([batch.masked, masked], 1)
    )
    return batch._replace(
        passages=passages,
        own=wider(batch.own, False),
        masked=elsewhere,
        teacher=None if batch.teacher is None else wider(batch.teacher, float("nan")),
    )


def gather_rows(rows: Tensor) -> Tensor:
    """This process' rows, then those of the others in their order; gradients find their way back.

    Args:
        rows: (n, …); n may differ between processes.

    Returns:
        (sum of all n, …).
    """
    import torch
    from torch import distributed

    if not distributed.is_available() or not distributed.is_initialized():
        return rows
    if distributed.get_world_size() == 1:
        return rows
    from torch.distributed.nn.functional import all_gather

    size = torch.tensor([len(rows)], device=rows.device)
    sizes = [torch.zeros_like(size) for _ in range(distributed.get_world_size())]
    distributed.all_gather(sizes, size)
    counts = [int(one) for one in sizes]
    filler = rows.new_zeros((max(counts) - len(rows), *rows.shape[1:]))
    blocks = all_gather(torch.cat([rows, filler]))  # type: ignore[no-untyped-call]
    blocks = [block[:count] for block, count in zip(blocks, counts, strict=True)]
    rank = distributed.get_rank()
    return torch.cat([blocks[rank], *blocks[:rank], *blocks[rank + 1 :]])
