"""The gradient of embeddings, taken once a step instead of once a piece.

A step's sequences go through the model in pieces, and each look-up of a piece has a gradient as
large as all embeddings, most of it zeros: of a small model that is a good part of the step's time.
Here what look-ups give is collected, and made one gradient when the step is over.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


@contextmanager
def collected(model: Any) -> Iterator[None]:
    """Let look-ups of the model's embeddings be collected; at the end their gradients are added.

    Args:
        model: a torch module. Embeddings that are frozen, sparse or bounded in length, and
            look-ups without a gradient, are as ever.
    """
    import torch

    layers = [
        layer
        for layer in model.modules()
        if type(layer) is torch.nn.Embedding
        and layer.weight.requires_grad
        and not (layer.sparse or layer.scale_grad_by_freq or layer.max_norm)
    ]
    slopes: list[tuple[Any, Tensor, Tensor]] = []
    with ExitStack() as stack:
        for layer in dict.fromkeys(layers):
            vars(layer)["forward"] = _collecting(layer, slopes)  # before that of its class
            stack.callback(vars(layer).pop, "forward")
        yield
    for layer in dict.fromkeys(layers):
        own = [(ids, slope) for one, ids, slope in slopes if one is layer]
        if own:
            _add(layer, torch.cat([ids for ids, _ in own]), torch.cat([slope for _, slope in own]))


def _collecting(layer: Any, slopes: list[tuple[Any, Tensor, Tensor]]) -> Any:
    """A forward pass of the layer, whose gradient is put down in ``slopes``."""
    import torch

    class Lookup(torch.autograd.Function):
        @staticmethod
        def forward(context: Any, weight: Tensor, ids: Tensor) -> Tensor:
            context.save_for_backward(ids)
            return torch.nn.functional.embedding(ids, weight)

        @staticmethod
        def backward(context: Any, *outputs: Any) -> Any:
            (ids,), (slope,) = context.saved_tensors, outputs
            slopes.append((layer, ids.reshape(-1), slope.reshape(-1, slope.shape[-1])))
            return None, None

    def forward(ids: Tensor) -> Tensor:
        result: Tensor = Lookup.apply(layer.weight, ids)  # type: ignore[no-untyped-call]
        return result

    return forward


def _add(layer: Any, ids: Tensor, slope: Tensor) -> None:
    """Add the gradient of look-ups to the weight's: ids (n,), slope (n, dimension)."""
    import torch

    weight, padding = layer.weight, -1 if layer.padding_idx is None else layer.padding_idx
    whole = torch.ops.aten.embedding_dense_backward(slope, ids, len(weight), padding, False)
    weight.grad = whole if weight.grad is None else weight.grad.add_(whole)
