"""A quick linear layer on a CPU: oneDNN's product, through private operators of torch.

They earn 1.5 to 2.7 times in every encoding. What torch does with them from one version to the next
is its own affair: once a process a small product is compared with the plain layer's.
"""

from __future__ import annotations

import logging
import platform
import threading
from functools import cache, partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)

_ONE_PROBE = threading.Lock()


def onednn() -> bool:
    """Whether oneDNN's float32 product is at hand, right, and likely the quicker one.

    On AMD's processors torch's own (MKL) leaves half of their speed unused.
    """
    import torch

    return torch.float32 in right_types()


def right_types() -> frozenset[torch.dtype]:
    """The types that oneDNN's operators multiply as the plain layer does; probed once a process."""
    with _ONE_PROBE:
        return _probe()


@cache
def _probe() -> frozenset[torch.dtype]:
    import torch

    backend: Any = torch.backends.mkldnn
    if not backend.is_available() or platform.machine() not in ("x86_64", "AMD64"):
        return frozenset()
    dtypes = set()
    try:
        _compare(torch.float32, 1e-5)
        dtypes.add(torch.float32)
        if torch.ops.mkldnn._is_mkldnn_bf16_supported():
            _compare(torch.bfloat16, 2**-6)
            dtypes.add(torch.bfloat16)
    except Exception as error:  # operators that are not there, or want other arguments, raise so
        names = " and ".join(str(one).removeprefix("torch.") for one in dtypes) or "none"
        log.warning(
            "torch %s: oneDNN's operators are not what they were (%s); used for %s, models take "
            "longer on this CPU",
            torch.__version__, " ".join(str(error).split())[:200], names,
        )  # fmt: skip
    return frozenset(dtypes)


def _compare(dtype: torch.dtype, most: float) -> None:
    """Compare products of 17 rows, with and without bias and GELU, laid out beforehand and not.

    Args:
        dtype: of what is multiplied.
        most: by how much one may differ, in parts of the largest value.

    Raises:
        ArithmeticError: one differs by more.
    """
    import torch

    rows, inner, outer = 17, 64, 48
    # No random numbers: they would be missing in what a seed is for.
    wave = torch.arange(rows * inner, dtype=torch.float32, device="cpu")
    x = (wave * 0.7).sin().reshape(rows, inner).to(dtype)
    place = torch.arange(outer * inner, dtype=torch.float32, device="cpu")
    weight = (place * 1.3 + (place * 0.01).sin()).cos().reshape(outer, inner).to(dtype)
    bias = wave[:outer].cos().to(dtype)
    linear, gelu = torch.nn.functional.linear, torch.nn.functional.gelu
    with torch.no_grad():
        laid_out = torch.ops.mkldnn._reorder_linear_weight(weight, rows)
        for bias_or_none in (bias, None):
            plain = linear(
                x.float(), weight.float(), None if bias_or_none is None else bias_or_none.float()
            )
            for after, right in (("none", plain), ("gelu", gelu(plain))):
                for one in (weight, laid_out):
                    product = _linear(one, bias_or_none, after, x)
                    off = (product.float() - right).abs().max() / right.abs().max()
                    if product.dtype != dtype or not off <= most:
                        raise ArithmeticError(f"{dtype}, {after}: off by {off:.1e}")


def quick_linear(x: torch.Tensor, weight: torch.Tensor, bias: Any = None) -> torch.Tensor:
    """``x @ weight.T + bias``, by oneDNN for float32 on a CPU."""
    import torch

    if x.dtype == torch.float32 and x.device.type == "cpu" and onednn():
        return _linear(weight, bias, "none", x)
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

    dtypes = right_types()
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
