"""Nomic Embed v2 (Nussbaum and Duderstadt 2025): a BERT of which every second layer has experts.

transformers' NomicBert has none. After huggingface.co/nomic-ai/nomic-bert-2048,
``modeling_hf_nomic_bert.py``: each token goes to the experts with the highest probability, whose
weights are not made to sum to 1.
"""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

from qa_bench.models.native.kind import Classes, Config, Kind, unlike

_WRITTEN = {
    "activation_function": "gelu",
    "prenorm": False,
    "qkv_proj_bias": True,
    "mlp_fc1_bias": True,
    "mlp_fc2_bias": True,
    "use_rms_norm": False,
    "rotary_emb_fraction": 1.0,
    "rotary_emb_interleaved": False,
    "rotary_emb_scale_base": None,
    "rotary_scaling_factor": None,
    "moe_normalize_expert_weights": False,
    "expert_choice_router": False,
    "num_shared_experts": 0,
}


def _suits(config: Config) -> bool:
    return config.get("model_type") == "nomic_bert" and (config.get("moe_every_n_layers") or 0) > 0


def _unlike(config: Config) -> str:
    return unlike(config, _WRITTEN)


@cache
def _classes() -> Classes:
    import torch
    from torch.nn import functional
    from transformers import PreTrainedConfig, PreTrainedModel
    from transformers.modeling_outputs import BaseModelOutput

    class NomicMoeConfig(PreTrainedConfig):
        """The checkpoint's settings, under the names that they have there."""

        model_type = "nomic_bert_moe"
        attribute_map: ClassVar = {
            "hidden_size": "n_embd",
            "num_hidden_layers": "n_layer",
            "num_attention_heads": "n_head",
        }

        def __init__(self, **settings: Any) -> None:
            settings.pop("auto_map", None)
            settings.pop("model_type", None)
            super().__init__(**settings)

    class Attention(torch.nn.Module):
        def __init__(self, config: Any) -> None:
            super().__init__()
            self.heads, self.base = config.n_head, float(config.rotary_emb_base)
            self.Wqkv = torch.nn.Linear(config.n_embd, 3 * config.n_embd)
            self.out_proj = torch.nn.Linear(config.n_embd, config.n_embd)

        def forward(self, hidden: torch.Tensor, mask: torch.Tensor | None) -> Any:
            rows, length, width = hidden.shape
            shape = (rows, length, 3, self.heads, width // self.heads)
            query, key, value = self.Wqkv(hidden).view(shape).permute(2, 0, 3, 1, 4)
            query, key = self._turned(query), self._turned(key)
            seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
            return self.out_proj(seen.transpose(1, 2).reshape(rows, length, width))

        def _turned(self, values: torch.Tensor) -> torch.Tensor:
            """Rotary positions, the two halves of a head being the pairs."""
            length, width = values.shape[-2:]
            steps = torch.arange(0, width, 2, dtype=torch.float32, device=values.device)
            places = torch.arange(length, dtype=torch.float32, device=values.device)
            angles = torch.outer(places, 1.0 / self.base ** (steps / width))
            cos, sin = angles.cos().to(values.dtype), angles.sin().to(values.dtype)
            first, second = values.chunk(2, dim=-1)
            return torch.cat((first * cos - second * sin, second * cos + first * sin), -1)

    class MLP(torch.nn.Module):
        def __init__(self, config: Any) -> None:
            super().__init__()
            self.fc1 = torch.nn.Linear(config.n_embd, config.n_inner)
            self.fc2 = torch.nn.Linear(config.n_inner, config.n_embd)

        def forward(self, hidden: torch.Tensor) -> Any:
            return self.fc2(functional.gelu(self.fc1(hidden)))

    class Router(torch.nn.Module):
        def __init__(self, config: Any) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(config.n_embd, config.num_experts, bias=False)

    class Weights(torch.nn.Module):
        """Those of all experts, one below the other: (experts · inner, hidden)."""

        def __init__(self, config: Any) -> None:
            super().__init__()
            shape = (config.num_experts * config.n_inner, config.n_embd)
            self.w1 = torch.nn.Parameter(torch.zeros(shape))
            self.w2 = torch.nn.Parameter(torch.zeros(shape))

    class Experts(torch.nn.Module):
        def __init__(self, config: Any) -> None:
            super().__init__()
            self.mlp = Weights(config)
            self.bias = torch.nn.Parameter(torch.zeros(config.n_embd))

    class MoE(torch.nn.Module):
        def __init__(self, config: Any) -> None:
            super().__init__()
            self.count, self.top = config.num_experts, config.moe_top_k
            self.router, self.experts = Router(config), Experts(config)

        def forward(self, hidden: torch.Tensor) -> torch.Tensor:
            tokens = hidden.reshape(-1, hidden.shape[-1])
            shares = self.router.layer(tokens).softmax(-1, dtype=torch.float32)
            shares, best = shares.topk(self.top, dim=-1)
            shares = shares.to(tokens.dtype)
            first = self.experts.mlp.w1.view(self.count, -1, tokens.shape[1])
            second = self.experts.mlp.w2.view(self.count, -1, tokens.shape[1])
            output = torch.zeros_like(tokens)
            for expert in range(self.count):
                places, ranks = torch.where(best == expert)
                if len(places):
                    inner = functional.gelu(tokens[places] @ first[expert].T) @ second[expert]
                    output.index_add_(0, places, inner * shares[places, ranks, None])
            return output.view(hidden.shape) + self.experts.bias

    class Block(torch.nn.Module):
        def __init__(self, config: Any, place: int) -> None:
            super().__init__()
            self.attn = Attention(config)
            experts = place % config.moe_every_n_layers == 1
            self.mlp = MoE(config) if experts else MLP(config)
            self.norm1, self.norm2 = _norm(config), _norm(config)

        def forward(self, hidden: torch.Tensor, mask: torch.Tensor | None) -> Any:
            hidden = self.norm1(self.attn(hidden, mask) + hidden)
            return self.norm2(self.mlp(hidden) + hidden)

    def _norm(config: Any) -> torch.nn.LayerNorm:
        return torch.nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)

    class Embeddings(torch.nn.Module):
        def __init__(self, config: Any) -> None:
            super().__init__()
            self.word_embeddings = torch.nn.Embedding(config.vocab_size, config.n_embd)
            if config.type_vocab_size:
                self.token_type_embeddings = torch.nn.Embedding(
                    config.type_vocab_size, config.n_embd
                )

    class Encoder(torch.nn.Module):
        def __init__(self, config: Any) -> None:
            super().__init__()
            self.layers = torch.nn.ModuleList([Block(config, n) for n in range(config.n_layer)])

    class NomicMoeModel(PreTrainedModel):
        """A vector a token."""

        config_class = NomicMoeConfig
        _supports_sdpa = True

        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.embeddings, self.emb_ln = Embeddings(config), _norm(config)
            self.encoder = Encoder(config)
            self.post_init()  # type: ignore[no-untyped-call]

        def get_input_embeddings(self) -> Any:
            return self.embeddings.word_embeddings

        def forward(
            self,
            input_ids: Any = None,
            attention_mask: Any = None,
            token_type_ids: Any = None,
            return_dict: bool | None = None,
        ) -> Any:
            hidden = self.embeddings.word_embeddings(input_ids)
            if self.config.type_vocab_size:
                types = torch.zeros_like(input_ids) if token_type_ids is None else token_type_ids
                hidden = hidden + self.embeddings.token_type_embeddings(types)
            hidden = self.emb_ln(hidden)
            mask = None
            if attention_mask is not None and not attention_mask.all():
                mask = attention_mask[:, None, None].bool()
            for layer in self.encoder.layers:
                hidden = layer(hidden, mask)
            return BaseModelOutput(last_hidden_state=hidden)

    return Classes(NomicMoeConfig, {"AutoModel": NomicMoeModel})


KIND = Kind(_suits, _unlike, _classes)
