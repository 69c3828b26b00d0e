"""What of a model is trained, and how its layers run meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_RATES = ("attention_dropout", "dropout", "activation_dropout", "dropout_p", "resid_pdrop")
"""Attributes in which layers of transformers keep a rate of dropout as a number."""


def trainable(model: Any) -> Iterator[tuple[str, Any]]:
    """Name and tensor of all weights that training moves, shared ones once."""
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            yield name, weight


def sizes(model: Any) -> dict[str, int]:
    """How many parameters a model has, shared ones counted once, and how many are trained."""
    return {
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "trained": sum(weight.numel() for _, weight in trainable(model)),
    }


def without_embeddings(model: Any) -> int:
    """How many parameters are trained that are no tables of embeddings, shared ones once.

    What papers on scaling call the size of a model (Kaplan et al. 2020, section 2.1).
    """
    import torch

    tables = {
        id(weight)
        for layer in model.modules()
        if isinstance(layer, torch.nn.Embedding)
        for weight in layer.parameters()
    }
    return sum(weight.numel() for _, weight in trainable(model) if id(weight) not in tables)


def set_dropout(model: Any, share: float | None) -> None:
    """Set the dropout of all layers that have one; None leaves the model's own.

    Some layers have a module for it, others (ModernBERT's attention, all decoders') a number.
    """
    import torch

    if share is None:
        return
    for layer in model.modules():
        if isinstance(layer, torch.nn.Dropout):
            layer.p = share
        for name in _RATES:
            if isinstance(vars(layer).get(name), float):
                setattr(layer, name, share)


def set_attention(model: Any, kind: str) -> None:
    """Let all models of transformers inside compute attention in a way of theirs: eager, sdpa.

    With dropout, eager is twice as fast on a CPU. Results of the two differ in their last bits.
    A model that has no sdpa stays eager.
    """
    from transformers import PreTrainedModel

    for layer in model.modules():
        if isinstance(layer, PreTrainedModel):
            there = kind != "sdpa" or layer._supports_sdpa
            layer.set_attn_implementation(kind if there else "eager")
