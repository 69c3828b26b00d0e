"""Gradient caching: the gradient of a big batch in the memory of a small one.

A loss over all vectors of a batch needs all of them at once, but not all that was computed on the
way to them. So texts are encoded by chunks without keeping anything, the loss and its gradient are
taken of the vectors, and each chunk is encoded once more, with the same dropout, and given its
vectors' gradient. Source: Gao et al. 2021, "Scaling Deep Contrastive Learning Batch Size under
Memory Limited Setup", section 3. It costs one more forward pass of each text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

Chunk = TypeVar("Chunk")


def cached_backward(
    encode: Callable[[Chunk], Tensor], chunks: Sequence[Chunk], loss: Callable[[Tensor], Tensor]
) -> float:
    """Add the gradient of a batch's loss to the weights, encoding a chunk at a time.

    Afterwards the random numbers go on where one pass over the chunks leaves them. With several
    processes, ``loss`` may gather vectors; where the model is a DistributedDataParallel, all but
    the last chunk's gradient must be taken in its ``no_sync``.

    Args:
        encode: the vectors of a chunk, float (texts, dimension); the model trains, so dropout is
            drawn from torch's random numbers.
        chunks: of texts, or where they stand.
        loss: a scalar of all chunks' vectors, float (all texts, dimension), in their order.

    Returns:
        The loss.
    """
    import torch

    states, vectors = [], []
    with torch.no_grad():
        for chunk in chunks:
            states.append(_random_state())
            vectors.append(encode(chunk))
    # Some versions of torch keep what autocast rounded without a gradient for the next pass.
    torch.clear_autocast_cache()
    after = _random_state()
    leaves = [part.detach().requires_grad_() for part in vectors]
    value = loss(torch.cat(leaves))
    value.backward()  # type: ignore[no-untyped-call]
    for chunk, state, leaf in zip(chunks, states, leaves, strict=True):
        if leaf.grad is None:  # the loss does not look at these
            continue
        _set_random_state(state)
        again = encode(chunk)
        again.backward(leaf.grad)  # type: ignore[no-untyped-call]
        leaf.grad = None
    _set_random_state(after)
    return float(value.detach())


def _random_state() -> tuple[Tensor, list[Any]]:
    """Of the processor and of all GPUs in use."""
    import torch

    used = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    gpus = torch.cuda.get_rng_state_all() if used else []
    return torch.get_rng_state(), gpus


def _set_random_state(state: tuple[Tensor, list[Any]]) -> None:
    import torch

    torch.set_rng_state(state[0])
    if state[1]:
        torch.cuda.set_rng_state_all(state[1])
