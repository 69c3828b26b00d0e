"""LoRA adapters, added to a model's weights once and for all; without the package peft.

Source: Hu et al. 2022, LoRA (ICLR): W + (alpha / r) · B · A. The files are those that peft writes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qa_bench.errors import UserError
from qa_bench.models.source import Source, adapter_place
from qa_bench.net.consent import consent
from qa_bench.net.hub import fetched_file, weights_to_download

_PART = re.compile(
    r"(?:base_model\.model\.)?(.+)\.lora_(?:embedding_)?([AB])(?:\.default)?(?:\.weight)?"
)
_SUPPORTED: dict[str, Any] = {
    "peft_type": "LORA",
    "bias": "none",
    "use_dora": False,
    "fan_in_fan_out": False,
    "lora_bias": False,
    "modules_to_save": None,
    "alpha_pattern": {},
    "layer_replication": None,
}


def merge_adapters(model: Any, source: Source) -> None:
    """Add a model's adapters to its weights, one after the other.

    Sums are made in float32 and rounded to the weights' type, as peft's ``merge_and_unload`` does.

    Args:
        model: holds the weights that the adapters are for; a torch module.
        source: the model.

    Raises:
        UserError: there is no such adapter, it is none of LoRA's plain ones, or of another model.
    """
    for name in source.adapters:
        config, weights = _read(name)
        for setting, value in _SUPPORTED.items():
            if (config.get(setting) or value) != value:
                raise UserError(
                    f"adapter {name}: {setting}={config[setting]} (only {value} is supported)"
                )
        _merge(model, name, config, weights)


def _read(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    from safetensors.torch import load_file

    model, inside = adapter_place(name)
    place = Source(model).place()
    if place.commit is not None:
        file = f"{inside}adapter_model.safetensors" if inside else None
        consent(f"adapter {name}", weights_to_download(place.name, place.commit, file))
    paths = []
    for file in ("adapter_config.json", "adapter_model.safetensors"):
        if place.commit is None:
            paths.append(Path(place.name) / file)
        else:
            paths.append(fetched_file(place.name, inside + file, place.commit, "model"))
        if not paths[-1].is_file():
            raise UserError(f"adapter {name}: {file} is missing")
    return json.loads(paths[0].read_text(encoding="utf-8")), load_file(paths[1])


def _merge(model: Any, name: str, config: Mapping[str, Any], weights: Mapping[str, Any]) -> None:
    import torch

    parts: dict[str, dict[str, Any]] = {}
    for key, value in weights.items():
        match = _PART.fullmatch(key)
        if match is None:
            raise UserError(f"adapter {name}: '{key}' is no weight of a plain LoRA adapter")
        parts.setdefault(match[1], {})[match[2]] = value
    if not parts:
        raise UserError(f"adapter {name}: it has no weights")
    layers = _layers(model)
    alpha = float(config["lora_alpha"])
    for key, pair in parts.items():
        # Of a model with a head, peft's names begin with one word more.
        layer = layers.get(key, layers.get(key.removeprefix("model.")))
        down: Any = pair.get("A")
        up: Any = pair.get("B")
        shape = None if down is None or up is None else (up.shape[0], down.shape[1])
        turned = isinstance(layer, torch.nn.Embedding)  # its weights are (words, dimension)
        if shape is not None and turned:
            shape = shape[::-1]
        if layer is None or shape != tuple(layer.weight.shape):
            raise UserError(
                f"adapter {name}: the model has no layer '{key}' of the shape {shape}: is it of "
                "another model?"
            )
        rank = down.shape[0]
        scale = alpha / (rank**0.5 if config.get("use_rslora") else rank)
        with torch.no_grad():
            change = up.float() @ down.float() * scale
            layer.weight.copy_(layer.weight.float() + (change.T if turned else change))


def _layers(model: Any) -> dict[str, Any]:
    """Linear layers and embeddings by the name that they have in the model of transformers."""
    import torch
    from transformers import PreTrainedModel

    inner = next((m for m in model.modules() if isinstance(m, PreTrainedModel)), model)
    kinds = (torch.nn.Linear, torch.nn.Embedding)
    return {name: layer for name, layer in inner.named_modules() if isinstance(layer, kinds)}
