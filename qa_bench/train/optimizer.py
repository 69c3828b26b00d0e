"""AdamW, and what it knows together with the weights as a file: a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qa_bench.models.trainable import trainable

_UNDECAYED = ("bias", "LayerNorm.weight", "layer_norm.weight")
_MEANS = ("exp_avg", "exp_avg_sq")
"""AdamW's two of each weight."""


def adamw(model: Any, weight_decay: float) -> Any:
    """AdamW of the weights that are trained, at a rate of 0.

    Args:
        model: a torch module.
        weight_decay: of all but biases and layer norms.
    """
    import torch

    decayed: dict[bool, list[Any]] = {True: [], False: []}
    for name, weight in trainable(model):
        decayed[not name.endswith(_UNDECAYED)].append(weight)
    groups = [
        {"params": decayed[True], "weight_decay": weight_decay},
        {"params": decayed[False], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.999), eps=1e-8, fused=True)


def write_state(path: Path, model: Any, optimizer: Any) -> None:
    """Write the weights that are trained, and AdamW's two means of each."""
    from safetensors.torch import save_file

    tensors = {}
    for name, weight in trainable(model):
        tensors[f"weight.{name}"] = weight.detach().cpu()
        state = optimizer.state.get(weight, {})
        for kind in _MEANS:
            if kind in state:  # a weight without a gradient has none
                tensors[f"{kind}.{name}"] = state[kind].cpu()
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)


def read_state(path: Path, model: Any, optimizer: Any, step: int) -> None:
    """Give a model and its AdamW what ``write_state`` wrote after a step."""
    import torch
    from safetensors.torch import load_file

    tensors = load_file(path)
    with torch.no_grad():
        for name, weight in trainable(model):
            weight.copy_(tensors[f"weight.{name}"])
            if f"exp_avg.{name}" in tensors:
                means = {kind: tensors[f"{kind}.{name}"].to(weight.device) for kind in _MEANS}
                steps = torch.tensor(float(step), device=weight.device)
                optimizer.state[weight] = {"step": steps, **means}
