"""mGTE and its kin (Zhang et al. 2024): ``model_type`` new, or gte as older files spell it.

transformers has this architecture as ``gte`` and renames the weights of such checkpoints. Only
their ``config.json`` says things in another way: the positions above all. The formula is that of
huggingface.co/Alibaba-NLP/new-impl, ``NTKScalingRotaryEmbedding``.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from qa_bench.models.native.kind import Classes, Config, Kind, unlike

_WRITTEN = {
    "position_embedding_type": "rope",
    "layer_norm_type": "layer_norm",
    "logn_attention_scale": False,
}


def _suits(config: Config) -> bool:
    kind = config.get("model_type")
    return kind == "new" or (kind == "gte" and "rope_parameters" not in config)


def _unlike(config: Config) -> str:
    scaling = config.get("rope_scaling")
    if scaling and (scaling.get("type") != "ntk" or scaling.get("mixed_b") is not None):
        return f"rope_scaling={scaling} in its config.json (only ntk with a factor is supported)"
    return unlike(config, _WRITTEN)


def native_config(config: Config) -> dict[str, Any]:
    """The same in the words of transformers' ``GteConfig``.

    Scaled by a factor f, the frequency of the pair i of d dimensions is that of the base f·theta,
    divided by f^(2/d), whatever the length of the text.

    Args:
        config: a checkpoint's ``config.json``.
    """
    heads = config.get("num_attention_heads", 12)
    width = config.get("hidden_size", 768) // heads
    theta, scaling = config.get("rope_theta", 10_000.0), config.get("rope_scaling")
    positions: dict[str, Any] = {"rope_type": "default", "rope_theta": float(theta)}
    if scaling:
        factor = float(scaling["factor"])
        positions = {
            "rope_type": "linear",
            "rope_theta": theta * factor,
            "factor": factor ** (2 / width),
        }
    dropped = ("auto_map", "model_type", "rope_scaling", "rope_theta", "position_embedding_type")
    plain = {name: value for name, value in config.items() if name not in dropped}
    return {**plain, "rope_parameters": positions}


@cache
def _classes() -> Classes:
    from transformers import GteConfig

    class NewConfig(GteConfig):
        """Makes transformers' own of the checkpoint's."""

        @classmethod
        def from_dict(cls, config_dict: dict[str, Any], **settings: Any) -> Any:
            return GteConfig.from_dict(native_config(config_dict), **settings)

    return Classes(NewConfig, {})


KIND = Kind(_suits, _unlike, _classes)
