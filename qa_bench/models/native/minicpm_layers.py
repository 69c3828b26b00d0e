"""BGE's layerwise reranker: MiniCPM with a head after each layer from the eighth.

MiniCPM (Hu et al. 2024) is a Llama whose embeddings are multiplied by ``scale_emb`` and whose
residual branches by ``scale_depth``/√layers: that is what transformers' Granite computes. After
github.com/FlagOpen/FlagEmbedding, ``modeling_minicpm_reranker.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from qa_bench.models.native.kind import Classes, Config, Kind, unlike
from qa_bench.models.native.layer_heads import chosen_layers, heads, last_tokens

_WRITTEN = {"head_multi": True, "head_type": "simple", "rope_scaling": None}


def _suits(config: Config) -> bool:
    return config.get("model_type") == "minicpm" and "start_layer" in config


def _unlike(config: Config) -> str:
    return unlike(config, _WRITTEN)


def granite_config(config: Config) -> dict[str, Any]:
    """MiniCPM's settings in the words of transformers' ``GraniteConfig``."""
    width = config["hidden_size"] // config["num_attention_heads"]
    dropped = ("auto_map", "model_type", "scale_emb", "scale_depth", "rope_scaling", "rope_theta")
    return {
        **{name: value for name, value in config.items() if name not in dropped},
        "embedding_multiplier": config["scale_emb"],
        "residual_multiplier": config["scale_depth"] / config["num_hidden_layers"] ** 0.5,
        "attention_multiplier": width**-0.5,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": float(config.get("rope_theta", 10_000.0)),
        },
    }


@cache
def _classes() -> Classes:
    import torch
    from transformers import GraniteConfig, GraniteModel, GranitePreTrainedModel
    from transformers.masking_utils import create_causal_mask
    from transformers.modeling_outputs import CausalLMOutput

    output: Any = CausalLMOutput  # a tensor a layer, where it speaks of one

    class LayerwiseMiniCPMConfig(GraniteConfig):
        """Granite's, made of MiniCPM's."""

        start_layer: int = 8

        @classmethod
        def from_dict(cls, config_dict: dict[str, Any], **settings: Any) -> Any:
            return super().from_dict(granite_config(config_dict), **settings)

    class LayerwiseMiniCPM(GranitePreTrainedModel):
        """Scores of pairs, read after some layers."""

        config_class = LayerwiseMiniCPMConfig

        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.model = GraniteModel(config)
            self.scored = range(config.start_layer, config.num_hidden_layers + 1)
            self.lm_head = heads(config.hidden_size, len(self.scored))
            self.post_init()  # type: ignore[no-untyped-call]

        def get_input_embeddings(self) -> Any:
            return self.model.embed_tokens

        def forward(
            self,
            input_ids: torch.Tensor,
            attention_mask: torch.Tensor | None = None,
            cutoff_layers: Sequence[int] | None = None,
        ) -> Any:
            """The score at the last token after each of ``cutoff_layers``; (rows, 1) each."""
            stops = chosen_layers(cutoff_layers, self.scored)
            hidden = self.model.embed_tokens(input_ids) * self.config.embedding_multiplier
            places = torch.arange(input_ids.shape[1], device=input_ids.device)[None]
            mask = create_causal_mask(
                config=self.config,
                inputs_embeds=hidden,
                attention_mask=attention_mask,
                past_key_values=None,
                position_ids=places,
            )
            turns = self.model.rotary_emb(hidden, position_ids=places)
            ends = torch.full_like(input_ids[:, 0], input_ids.shape[1])
            if attention_mask is not None:  # the last 1, whichever side is padded
                ends = (attention_mask * (places + 1)).amax(1)
            scores = []
            for number, layer in enumerate(self.model.layers[: stops[-1]], 1):
                hidden = layer(
                    hidden, attention_mask=mask, position_ids=places, position_embeddings=turns
                )
                if number in stops:
                    state = self.model.norm(last_tokens(hidden, ends))
                    head = self.lm_head[number - self.config.start_layer]
                    scores.append(head.linear_head(state).float().flatten(1))
            return output(logits=tuple(scores))

    return Classes(LayerwiseMiniCPMConfig, {"AutoModelForCausalLM": LayerwiseMiniCPM})


KIND = Kind(_suits, _unlike, _classes)
