"""NV-Embed (Lee et al. 2025): a Mistral that looks both ways, and latent attention over its tokens.

After huggingface.co/nvidia/NV-Embed-v2, ``modeling_nvembed.py``; v1 is the same. What the model
gives is a vector a token; that of a text is their mean without the instruction, which is left to
the pooling that every encoder has.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from qa_bench.models.native.kind import Classes, Config, Kind

_MISTRALS = ("bidir_mistral", "mistral")


def _suits(config: Config) -> bool:
    return config.get("model_type") == "nvembed"


def _unlike(config: Config) -> str:
    kind = (config.get("text_config") or {}).get("model_type")
    return "" if kind in _MISTRALS else f"its text_config is a '{kind}', no Mistral"


@cache
def _classes() -> Classes:
    import torch
    from torch.nn import functional
    from transformers import MistralConfig, MistralModel, PreTrainedConfig, PreTrainedModel
    from transformers.modeling_outputs import BaseModelOutput

    class NVEmbedConfig(PreTrainedConfig):
        """Sizes of the Mistral and of the latent attention."""

        model_type = "nvembed"

        def __init__(
            self,
            text_config: Any = None,
            latent_attention_config: dict[str, Any] | None = None,
            **settings: Any,
        ) -> None:
            text = text_config or {}
            if isinstance(text, dict):  # all tokens see all: no window either
                text = MistralConfig(
                    **{**text, "model_type": "mistral", "sliding_window": None, "is_causal": False}
                )
            latent = latent_attention_config or {}
            settings.pop("auto_map", None)
            super().__init__(**settings)
            self.text_config = text
            self.hidden_size, self.vocab_size = text.hidden_size, text.vocab_size
            self.latents = latent.get("num_latents_value", 512)
            self.heads = latent.get("num_cross_heads", 8)
            self.latent_width = latent.get("latent_dim", 4096)
            self.head_width = latent.get("cross_dim_head", 4096)

    class Attention(torch.nn.Module):
        """Tokens look at the latents."""

        def __init__(self, config: Any) -> None:
            super().__init__()
            inner = config.heads * config.head_width
            self.heads = config.heads
            self.to_q = torch.nn.Linear(config.latent_width, inner, bias=False)
            self.to_kv = torch.nn.Linear(config.hidden_size, 2 * inner, bias=False)
            self.to_out = torch.nn.Linear(inner, config.latent_width, bias=False)

        def forward(self, tokens: torch.Tensor, latents: torch.Tensor) -> torch.Tensor:
            rows, length = tokens.shape[:2]

            def by_head(values: torch.Tensor) -> torch.Tensor:
                return values.view(rows, values.shape[1], self.heads, -1).transpose(1, 2)

            keys, values = self.to_kv(latents).chunk(2, dim=-1)
            seen = functional.scaled_dot_product_attention(
                by_head(self.to_q(tokens)), by_head(keys), by_head(values)
            )
            output: torch.Tensor = self.to_out(seen.transpose(1, 2).reshape(rows, length, -1))
            return output

    class GEGLU(torch.nn.Module):
        def forward(self, values: torch.Tensor) -> torch.Tensor:
            values, gates = values.chunk(2, dim=-1)
            return values * functional.gelu(gates)

    class FeedForward(torch.nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.net = torch.nn.Sequential(
                torch.nn.Linear(width, width * 8), GEGLU(), torch.nn.Linear(width * 4, width)
            )

        def forward(self, values: torch.Tensor) -> Any:
            return self.net(values)

    class PreNorm(torch.nn.Module):
        def __init__(self, width: int, fn: torch.nn.Module, context: int | None = None) -> None:
            super().__init__()
            self.fn, self.norm = fn, torch.nn.LayerNorm(width)
            self.norm_context = torch.nn.LayerNorm(context) if context else None

        def forward(self, values: torch.Tensor, context: torch.Tensor | None = None) -> Any:
            if self.norm_context is None:
                return self.fn(self.norm(values))
            return self.fn(self.norm(values), self.norm_context(context))

    class LatentAttention(torch.nn.Module):
        def __init__(self, config: Any) -> None:
            super().__init__()
            width = config.latent_width
            self.cross_attend_blocks = torch.nn.ModuleList(
                [
                    PreNorm(width, Attention(config), config.hidden_size),
                    PreNorm(width, FeedForward(width)),
                ]
            )
            self.latents = torch.nn.Parameter(torch.zeros(config.latents, width))

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            attend, feed_forward = self.cross_attend_blocks
            latents = self.latents.expand(len(tokens), -1, -1)
            tokens = attend(tokens, latents) + tokens
            output: torch.Tensor = feed_forward(tokens) + tokens
            return output

    class NVEmbedModel(PreTrainedModel):
        """A vector a token."""

        config_class = NVEmbedConfig
        _supports_sdpa = True

        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.embedding_model = MistralModel(config.text_config)
            self.latent_attention_model = LatentAttention(config)
            self.post_init()  # type: ignore[no-untyped-call]

        def get_input_embeddings(self) -> Any:
            return self.embedding_model.embed_tokens

        def forward(
            self,
            input_ids: Any = None,
            attention_mask: Any = None,
            return_dict: bool | None = None,
        ) -> Any:
            tokens = self.embedding_model(
                input_ids=input_ids, attention_mask=attention_mask, use_cache=False
            ).last_hidden_state
            vectors = self.latent_attention_model(tokens)
            return BaseModelOutput(last_hidden_state=vectors)

    return Classes(NVEmbedConfig, {"AutoModel": NVEmbedModel})


KIND = Kind(_suits, _unlike, _classes)
