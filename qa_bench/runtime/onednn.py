"""A quick linear layer on a CPU: oneDNN's product, through private operators of torch."""

from __future__ import annotations

import platform
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


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
