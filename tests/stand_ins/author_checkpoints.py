"""Tiny random checkpoints of models with code of their own, as their authors' files lie on the hub.

``config.json`` has its settings and its ``auto_map``; the code that this names is not there, so
that whoever would run it fails.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

Shapes = dict[str, tuple[int, ...]]

TEXT = {
    "vocab_size": 0,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 48,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10_000.0,
    "hidden_act": "silu",
    "max_position_embeddings": 4096,
}


class AuthorCheckpoint:
    """Used as a model of transformers is by ``tiny_models.make``."""

    def __init__(self, config: dict[str, Any], shapes: Shapes) -> None:
        self.values = config
        text = config.get("text_config", config)
        self.config = SimpleNamespace(hidden_size=text.get("hidden_size", text.get("n_embd")))
        self.weights = {name: drawn(name, shape) for name, shape in shapes.items()}

    def eval(self) -> AuthorCheckpoint:
        return self

    def named_parameters(self) -> Iterator[tuple[str, torch.Tensor]]:
        return iter(())

    def save_pretrained(self, folder: Path) -> None:
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        save_file(self.weights, folder / "model.safetensors", metadata={"format": "pt"})
        (folder / "config.json").write_text(json.dumps(self.values, indent=2))


def drawn(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    if name.endswith("bias") or "embed" in name:
        return torch.randn(shape) * (0.3 if len(shape) == 1 else 1.0)
    if "norm" in name.lower() or "_ln" in name:  # new ones are 1, which hides what they do
        return torch.rand(shape) + 0.5
    return torch.randn(shape) * 1.7 / shape[-1] ** 0.5


def norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def dense(name: str, out: int, width: int, bias: bool = True) -> Shapes:
    return {f"{name}.weight": (out, width), **({f"{name}.bias": (out,)} if bias else {})}


def decoder(at: str, config: dict[str, Any], norms: tuple[str, ...]) -> Shapes:
    """A Llama's weights, or its kin's."""
    width, inner = config["hidden_size"], config["intermediate_size"]
    head = config.get("head_dim") or width // config["num_attention_heads"]
    shapes: Shapes = {f"{at}embed_tokens.weight": (config["vocab_size"], width)}
    for number in range(config["num_hidden_layers"]):
        name = f"{at}layers.{number}"
        query, key = config["num_attention_heads"] * head, config["num_key_value_heads"] * head
        for one, out in (("q", query), ("k", key), ("v", key)):
            shapes |= dense(f"{name}.self_attn.{one}_proj", out, width, bias=False)
        shapes |= dense(f"{name}.self_attn.o_proj", width, query, bias=False)
        for one in ("gate", "up"):
            shapes |= dense(f"{name}.mlp.{one}_proj", inner, width, bias=False)
        shapes |= dense(f"{name}.mlp.down_proj", width, inner, bias=False)
        shapes |= {f"{name}.{one}.weight": (width,) for one in norms}
    return {**shapes, f"{at}norm.weight": (width,)}


LLAMA = ("input_layernorm", "post_attention_layernorm")
GEMMA = (*LLAMA, "pre_feedforward_layernorm", "post_feedforward_layernorm")


def nv_embed(words: int) -> AuthorCheckpoint:
    # A window that the authors' mask knows nothing of.
    text = {**TEXT, "vocab_size": words, "model_type": "bidir_mistral", "sliding_window": 4}
    latent = {
        "model_type": "latent_attention",
        "num_latents_value": 6,
        "num_cross_heads": 2,
        "latent_dim": 32,
        "hidden_dim": 32,
        "cross_dim_head": 8,
        "output_normalize": True,
    }
    config = {
        "model_type": "nvembed",
        "architectures": ["NVEmbedModel"],
        "auto_map": {
            "AutoConfig": "configuration_nvembed.NVEmbedConfig",
            "AutoModel": "modeling_nvembed.NVEmbedModel",
        },
        "hidden_size": 32,
        "padding_side": "right",
        "text_config": text,
        "latent_attention_config": latent,
    }
    at = "latent_attention_model.cross_attend_blocks"
    return AuthorCheckpoint(
        config,
        decoder("embedding_model.", text, LLAMA)
        | {"latent_attention_model.latents": (6, 32)}
        | dense(f"{at}.0.fn.to_q", 16, 32, bias=False)
        | dense(f"{at}.0.fn.to_kv", 32, 32, bias=False)
        | dense(f"{at}.0.fn.to_out", 32, 16, bias=False)
        | norm(f"{at}.0.norm", 32)
        | norm(f"{at}.0.norm_context", 32)
        | dense(f"{at}.1.fn.net.0", 256, 32)
        | dense(f"{at}.1.fn.net.2", 32, 128)
        | norm(f"{at}.1.norm", 32),
    )


def voyage(words: int) -> AuthorCheckpoint:
    config = {
        **TEXT,
        "vocab_size": words,
        "head_dim": 8,
        "rope_theta": 1_000_000.0,
        "model_type": "qwen3",
        "architectures": ["Qwen3ForCausalLM"],
        "auto_map": {"AutoModel": "modeling_qwen3_bidirectional.Qwen3BidirectionalModel"},
        "use_bidirectional_attention": True,
        "num_labels": 48,
        "attention_bias": False,
        "sliding_window": None,
        "use_sliding_window": False,
    }
    shapes = decoder("model.", config, LLAMA) | dense("linear", 48, 32, bias=False)
    for number in range(config["num_hidden_layers"]):
        for one in "qk":
            shapes[f"model.layers.{number}.self_attn.{one}_norm.weight"] = (8,)
    return AuthorCheckpoint(config, shapes)


def new(
    words: int,
    model_type: str = "new",
    task: str = "",
    types: int = 1,
    scaling: dict[str, Any] | None = None,
    **settings: Any,
) -> AuthorCheckpoint:
    """mGTE's; with a task the weights' names begin with "new."."""
    config = {
        "model_type": model_type,
        "architectures": [f"New{task or 'Model'}"],
        "auto_map": {
            "AutoConfig": "Alibaba-NLP/new-impl--configuration.NewConfig",
            f"AutoModel{task}": f"Alibaba-NLP/new-impl--modeling.New{task or 'Model'}",
        },
        "vocab_size": words,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 48,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.0,
        "layer_norm_eps": 1e-12,
        "layer_norm_type": "layer_norm",
        "logn_attention_scale": False,
        "max_position_embeddings": 8192,
        "pack_qkv": True,
        "pad_token_id": 1,
        "position_embedding_type": "rope",
        "rope_scaling": scaling,
        "rope_theta": 20_000.0,
        "type_vocab_size": types,
        "unpad_inputs": True,
        "use_memory_efficient_attention": True,
        **settings,
    }
    at = "new." if task else ""
    shapes: Shapes = {f"{at}embeddings.word_embeddings.weight": (words, 32)}
    if types:
        shapes[f"{at}embeddings.token_type_embeddings.weight"] = (types, 32)
    shapes |= norm(f"{at}embeddings.LayerNorm", 32)
    for number in range(2):
        name = f"{at}encoder.layer.{number}"
        shapes |= dense(f"{name}.attention.qkv_proj", 96, 32)
        shapes |= dense(f"{name}.attention.o_proj", 32, 32)
        shapes |= dense(f"{name}.mlp.up_gate_proj", 96, 32, bias=False)
        shapes |= dense(f"{name}.mlp.down_proj", 32, 48)
        shapes |= norm(f"{name}.attn_ln", 32) | norm(f"{name}.mlp_ln", 32)
    if task == "ForMaskedLM":  # whose decoder is that of the words' embeddings
        shapes |= dense("lm_head.dense", 32, 32) | norm("lm_head.norm", 32)
        shapes["lm_head.decoder.bias"] = (words,)
    elif task:
        config |= {"id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}}
        shapes |= dense("new.pooler.dense", 32, 32) | dense("classifier", 1, 32)
    return AuthorCheckpoint(config, shapes)


def nomic(words: int) -> AuthorCheckpoint:
    config = {
        "model_type": "nomic_bert",
        "architectures": ["NomicBertModel"],
        "auto_map": {
            "AutoConfig": "nomic-ai/nomic-bert-2048--configuration_hf_nomic_bert.NomicBertConfig",
            "AutoModel": "nomic-ai/nomic-bert-2048--modeling_hf_nomic_bert.NomicBertModel",
        },
        "activation_function": "gelu",
        "vocab_size": words,
        "n_embd": 288,  # its YAML may cut vectors to 256
        "n_head": 4,
        "n_inner": 48,
        "n_layer": 4,
        "n_positions": 2048,
        "layer_norm_epsilon": 1e-5,
        "rotary_emb_base": 10_000,
        "rotary_emb_fraction": 1.0,
        "type_vocab_size": 1,
        "moe_every_n_layers": 2,
        "moe_top_k": 2,
        "num_experts": 4,
        "moe_normalize_expert_weights": False,
        "pad_token_id": 1,
    }
    shapes: Shapes = {
        "embeddings.word_embeddings.weight": (words, 288),
        "embeddings.token_type_embeddings.weight": (1, 288),
        **norm("emb_ln", 288),
    }
    for number in range(4):
        name = f"encoder.layers.{number}"
        shapes |= dense(f"{name}.attn.Wqkv", 3 * 288, 288) | dense(
            f"{name}.attn.out_proj", 288, 288
        )
        shapes |= norm(f"{name}.norm1", 288) | norm(f"{name}.norm2", 288)
        if number % 2:
            shapes |= dense(f"{name}.mlp.router.layer", 4, 288, bias=False)
            shapes[f"{name}.mlp.experts.mlp.w1"] = (4 * 48, 288)
            shapes[f"{name}.mlp.experts.mlp.w2"] = (4 * 48, 288)
            shapes[f"{name}.mlp.experts.bias"] = (288,)
        else:
            shapes |= dense(f"{name}.mlp.fc1", 48, 288) | dense(f"{name}.mlp.fc2", 288, 48)
    return AuthorCheckpoint(config, shapes)


def minicpm(words: int, layers: int = 30, **settings: Any) -> AuthorCheckpoint:
    config = {
        **TEXT,
        "model_type": "minicpm",
        "architectures": ["LayerWiseMiniCPMForCausalLM"],
        "auto_map": {
            "AutoConfig": "configuration_minicpm_reranker.LayerWiseMiniCPMConfig",
            "AutoModelForCausalLM": "modeling_minicpm_reranker.LayerWiseMiniCPMForCausalLM",
        },
        "vocab_size": words,
        "num_hidden_layers": layers,
        "start_layer": 8,
        "head_multi": True,
        "head_type": "simple",
        "scale_emb": 12,
        "scale_depth": 1.4,
        "dim_model_base": 256,
        "rope_scaling": None,
        **settings,
    }
    shapes = decoder("model.", config, LLAMA)
    for number in range(layers - 8 + 1):
        shapes[f"lm_head.{number}.linear_head.weight"] = (1, 32)
    return AuthorCheckpoint(config, shapes)


def gemma2(words: int, layers: int = 30, **settings: Any) -> AuthorCheckpoint:
    config = {
        **TEXT,
        "model_type": "cost_wise_gemma",
        "architectures": ["CostWiseGemmaForCausalLM"],
        "auto_map": {
            "AutoConfig": "gemma_config.CostWiseGemmaConfig",
            "AutoModelForCausalLM": "gemma_model.CostWiseGemmaForCausalLM",
        },
        "vocab_size": words,
        "num_hidden_layers": layers,
        "head_dim": 8,
        "hidden_activation": "gelu_pytorch_tanh",
        "hidden_act": "gelu_pytorch_tanh",
        "query_pre_attn_scalar": 8,
        "attn_logit_softcapping": 50.0,
        "final_logit_softcapping": 30.0,
        "sliding_window": 16,
        "start_layer": 8,
        "layer_sep": 1,
        "layer_wise": True,
        **settings,
    }
    shapes = decoder("model.", config, GEMMA)
    for number in range(layers - config["start_layer"] + 1):
        shapes[f"lm_head.{number}.linear_head.weight"] = (1, 32)
    return AuthorCheckpoint(config, shapes)


def stand_in(
    build: Callable[..., AuthorCheckpoint], tokenizer: Callable[[], Any], **settings: Any
) -> Callable[[], tuple[AuthorCheckpoint, Any]]:
    """For the tables of stand-ins: makes the checkpoint and its tokenizer."""

    def made() -> tuple[AuthorCheckpoint, Any]:
        words = tokenizer()
        return build(len(words), **settings), words

    return made
