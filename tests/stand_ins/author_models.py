"""Forward passes of models whose checkpoints bring code of their own, as their authors write them.

In plain torch, from the weights under the names that they have in the checkpoints: what the
harness' own classes are held against. Sources: ``modeling_nvembed.py`` (nvidia/NV-Embed-v2),
``modeling.py`` (Alibaba-NLP/new-impl), ``modeling_hf_nomic_bert.py`` (nomic-ai/nomic-bert-2048),
``modeling_qwen3_bidirectional.py`` (voyageai/voyage-4-nano), ``modeling_minicpm_reranker.py`` and
``gemma_model.py`` (FlagOpen/FlagEmbedding). One text at a time.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch.nn import functional

Weights = dict[str, torch.Tensor]


def linear(weights: Weights, name: str, values: torch.Tensor) -> torch.Tensor:
    return functional.linear(values, weights[f"{name}.weight"], weights.get(f"{name}.bias"))


def layer_norm(weights: Weights, name: str, values: torch.Tensor, eps: float) -> torch.Tensor:
    weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    return functional.layer_norm(values, weight.shape, weight, bias, eps)


def rms(weight: torch.Tensor, values: torch.Tensor, eps: float) -> torch.Tensor:
    return values * torch.rsqrt(values.pow(2).mean(-1, keepdim=True) + eps) * weight


def rotated(values: torch.Tensor, frequencies: torch.Tensor) -> torch.Tensor:
    """Rotary positions of (tokens, heads, width); frequencies (width / 2,)."""
    angles = torch.outer(torch.arange(len(values)).float(), frequencies)
    angles = torch.cat((angles, angles), -1)[:, None]
    first, second = values.chunk(2, -1)
    return values * angles.cos() + torch.cat((-second, first), -1) * angles.sin()


def plain_frequencies(width: int, base: float) -> torch.Tensor:
    return 1.0 / base ** (torch.arange(0, width, 2).float() / width)


def attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    visible: torch.Tensor | None = None,
    scale: float | None = None,
    cap: float | None = None,
) -> torch.Tensor:
    """Of (tokens, heads, width) each; ``visible`` (tokens, tokens)."""
    groups = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    scores = torch.einsum("qhd,khd->hqk", query, key) * (scale or query.shape[-1] ** -0.5)
    if cap:
        scores = torch.tanh(scores / cap) * cap
    if visible is not None:
        scores = scores.masked_fill(~visible, -torch.inf)
    return torch.einsum("hqk,khd->qhd", scores.softmax(-1), value).flatten(1)


def causal(tokens: int, window: int | None = None) -> torch.Tensor:
    far = torch.arange(tokens)[:, None] - torch.arange(tokens)
    return (far >= 0) & (far < window if window else True)


def self_attention(
    weights: Weights, name: str, hidden: torch.Tensor, config: dict[str, Any], **how: Any
) -> torch.Tensor:
    """A Llama's, and its kin's."""
    heads = config["num_attention_heads"]
    width = config.get("head_dim") or config["hidden_size"] // heads
    turns = plain_frequencies(width, config.get("rope_theta", 10_000.0))
    query, key, value = (
        linear(weights, f"{name}.{one}_proj", hidden).unflatten(-1, (-1, width)) for one in "qkv"
    )
    if f"{name}.q_norm.weight" in weights:  # Qwen3's
        query = rms(weights[f"{name}.q_norm.weight"], query, config["rms_norm_eps"])
        key = rms(weights[f"{name}.k_norm.weight"], key, config["rms_norm_eps"])
    seen = attention(rotated(query, turns), rotated(key, turns), value, **how)
    return linear(weights, f"{name}.o_proj", seen)


def gated(weights: Weights, name: str, hidden: torch.Tensor, act: Callable[..., Any]) -> Any:
    gate = act(linear(weights, f"{name}.gate_proj", hidden))
    return linear(weights, f"{name}.down_proj", gate * linear(weights, f"{name}.up_proj", hidden))


def llama_layer(
    weights: Weights, name: str, hidden: torch.Tensor, config: dict[str, Any], **how: Any
) -> torch.Tensor:
    share, eps = how.pop("share", 1.0), config["rms_norm_eps"]
    normed = rms(weights[f"{name}.input_layernorm.weight"], hidden, eps)
    hidden = hidden + share * self_attention(weights, f"{name}.self_attn", normed, config, **how)
    normed = rms(weights[f"{name}.post_attention_layernorm.weight"], hidden, eps)
    return hidden + share * gated(weights, f"{name}.mlp", normed, functional.silu)


# The models


def nv_embed(weights: Weights, config: dict[str, Any], ids: list[int]) -> torch.Tensor:
    """A vector a token."""
    text, latent = config["text_config"], config["latent_attention_config"]
    hidden = weights["embedding_model.embed_tokens.weight"][ids]
    for number in range(text["num_hidden_layers"]):
        hidden = llama_layer(weights, f"embedding_model.layers.{number}", hidden, text)
    hidden = rms(weights["embedding_model.norm.weight"], hidden, text["rms_norm_eps"])
    one, other = (f"latent_attention_model.cross_attend_blocks.{n}" for n in (0, 1))
    latents = weights["latent_attention_model.latents"]
    latents = layer_norm(weights, f"{one}.norm_context", latents, 1e-5)
    query = linear(weights, f"{one}.fn.to_q", layer_norm(weights, f"{one}.norm", hidden, 1e-5))
    parts = (query, *linear(weights, f"{one}.fn.to_kv", latents).chunk(2, -1))
    by_head = [part.unflatten(-1, (latent["num_cross_heads"], -1)) for part in parts]
    hidden = linear(weights, f"{one}.fn.to_out", attention(*by_head)) + hidden
    inner = linear(weights, f"{other}.fn.net.0", layer_norm(weights, f"{other}.norm", hidden, 1e-5))
    inner, gates = inner.chunk(2, -1)
    return linear(weights, f"{other}.fn.net.2", inner * functional.gelu(gates)) + hidden


def voyage(weights: Weights, config: dict[str, Any], ids: list[int]) -> torch.Tensor:
    """Voyage 4 nano; a vector a token."""
    hidden = weights["model.embed_tokens.weight"][ids]
    for number in range(config["num_hidden_layers"]):
        hidden = llama_layer(weights, f"model.layers.{number}", hidden, config)
    hidden = rms(weights["model.norm.weight"], hidden, config["rms_norm_eps"])
    return linear(weights, "linear", hidden)


def new_frequencies(config: dict[str, Any]) -> torch.Tensor:
    """``NTKScalingRotaryEmbedding``, which scales whatever the length."""
    width = config["hidden_size"] // config["num_attention_heads"]
    scaling = config.get("rope_scaling")
    if not scaling:
        return plain_frequencies(width, config["rope_theta"])
    factor = scaling["factor"]
    return plain_frequencies(width, config["rope_theta"] * factor) / factor ** (2 / width)


def new(weights: Weights, config: dict[str, Any], ids: list[int]) -> torch.Tensor:
    """mGTE; a vector a token."""
    at = "new." if "new.embeddings.word_embeddings.weight" in weights else ""
    eps, turns = config["layer_norm_eps"], new_frequencies(config)
    hidden = weights[f"{at}embeddings.word_embeddings.weight"][ids]
    if config["type_vocab_size"]:
        hidden = hidden + weights[f"{at}embeddings.token_type_embeddings.weight"][0]
    hidden = layer_norm(weights, f"{at}embeddings.LayerNorm", hidden, eps)
    for number in range(config["num_hidden_layers"]):
        name = f"{at}encoder.layer.{number}"
        parts = linear(weights, f"{name}.attention.qkv_proj", hidden).chunk(3, -1)
        query, key, value = (p.unflatten(-1, (config["num_attention_heads"], -1)) for p in parts)
        seen = attention(rotated(query, turns), rotated(key, turns), value)
        hidden = hidden + linear(weights, f"{name}.attention.o_proj", seen)
        hidden = layer_norm(weights, f"{name}.attn_ln", hidden, eps)
        up, gate = linear(weights, f"{name}.mlp.up_gate_proj", hidden).chunk(2, -1)
        hidden = hidden + linear(weights, f"{name}.mlp.down_proj", functional.gelu(gate) * up)
        hidden = layer_norm(weights, f"{name}.mlp_ln", hidden, eps)
    return hidden


def new_score(weights: Weights, config: dict[str, Any], ids: list[int]) -> torch.Tensor:
    """The logits of mGTE's reranker; (labels,)."""
    first = new(weights, config, ids)[0]
    return linear(weights, "classifier", torch.tanh(linear(weights, "new.pooler.dense", first)))


def new_words(weights: Weights, config: dict[str, Any], ids: list[int]) -> torch.Tensor:
    """The logits of its masked language model; (tokens, words)."""
    hidden = functional.gelu(linear(weights, "lm_head.dense", new(weights, config, ids)))
    hidden = layer_norm(weights, "lm_head.norm", hidden, config["layer_norm_eps"])
    words = weights["new.embeddings.word_embeddings.weight"]
    return hidden @ words.T + weights["lm_head.decoder.bias"]


def nomic(weights: Weights, config: dict[str, Any], ids: list[int]) -> torch.Tensor:
    """Nomic's BERT with experts; a vector a token."""
    eps, inner = config["layer_norm_epsilon"], config["n_inner"]
    turns = plain_frequencies(config["n_embd"] // config["n_head"], config["rotary_emb_base"])
    hidden = weights["embeddings.word_embeddings.weight"][ids]
    hidden = hidden + weights["embeddings.token_type_embeddings.weight"][0]
    hidden = layer_norm(weights, "emb_ln", hidden, eps)
    for number in range(config["n_layer"]):
        name = f"encoder.layers.{number}"
        parts = linear(weights, f"{name}.attn.Wqkv", hidden).unflatten(
            -1, (3, config["n_head"], -1)
        )
        query, key, value = parts.unbind(1)
        seen = attention(rotated(query, turns), rotated(key, turns), value)
        seen = linear(weights, f"{name}.attn.out_proj", seen)
        hidden = layer_norm(weights, f"{name}.norm1", seen + hidden, eps)
        if number % config["moe_every_n_layers"] != 1:
            output = linear(weights, f"{name}.mlp.fc1", hidden)
            output = linear(weights, f"{name}.mlp.fc2", functional.gelu(output))
        else:
            shares = linear(weights, f"{name}.mlp.router.layer", hidden).softmax(-1)
            output = weights[f"{name}.mlp.experts.bias"].expand(hidden.shape).clone()
            for place, token in enumerate(hidden):
                share, experts = shares[place].topk(config["moe_top_k"])
                for weight, expert in zip(share, experts.tolist(), strict=True):
                    rows = slice(expert * inner, (expert + 1) * inner)
                    first = weights[f"{name}.mlp.experts.mlp.w1"][rows]
                    second = weights[f"{name}.mlp.experts.mlp.w2"][rows]
                    output[place] += weight * (functional.gelu(token @ first.T) @ second)
        hidden = layer_norm(weights, f"{name}.norm2", output + hidden, eps)
    return hidden


def minicpm(weights: Weights, config: dict[str, Any], ids: list[int], layer: int) -> torch.Tensor:
    """The score after so many layers; ()."""
    share = config["scale_depth"] / math.sqrt(config["num_hidden_layers"])
    hidden = weights["model.embed_tokens.weight"][ids] * config["scale_emb"]
    how = {"visible": causal(len(ids)), "share": share}
    for number in range(layer):
        hidden = llama_layer(weights, f"model.layers.{number}", hidden, config, **how)
    hidden = rms(weights["model.norm.weight"], hidden, config["rms_norm_eps"])
    return linear(weights, f"lm_head.{layer - config['start_layer']}.linear_head", hidden[-1])[0]


def gemma2(
    weights: Weights,
    config: dict[str, Any],
    ids: list[int],
    layer: int,
    head: int = 0,
    ratio: int = 1,
    shrinks: tuple[int, ...] = (),
    before: int = 0,
    after: int = 0,
) -> torch.Tensor:
    """The score after so many layers, the passage's tokens being made fewer on the way; ()."""
    eps = config["rms_norm_eps"]

    def normed(name: str, values: torch.Tensor) -> torch.Tensor:
        return rms(1 + weights[f"{name}.weight"], values, eps)

    how = {
        "scale": config["query_pre_attn_scalar"] ** -0.5,
        "cap": config["attn_logit_softcapping"],
    }
    hidden = weights["model.embed_tokens.weight"][ids] * math.sqrt(config["hidden_size"])
    for number in range(layer):
        if number in shrinks and ratio > 1:
            passage = hidden[before : len(hidden) - after]
            means = [part.mean(0, keepdim=True) for part in passage.split(ratio)]
            hidden = torch.cat((hidden[:before], *means, hidden[len(hidden) - after :]))
        name = f"model.layers.{number}"
        window = None if number % 2 else config["sliding_window"]
        visible = causal(len(hidden), window)
        seen = normed(f"{name}.input_layernorm", hidden)
        seen = self_attention(weights, f"{name}.self_attn", seen, config, visible=visible, **how)
        hidden = hidden + normed(f"{name}.post_attention_layernorm", seen)
        inner = normed(f"{name}.pre_feedforward_layernorm", hidden)
        inner = gated(
            weights, f"{name}.mlp", inner, lambda x: functional.gelu(x, approximate="tanh")
        )
        hidden = hidden + normed(f"{name}.post_feedforward_layernorm", inner)
    score = linear(weights, f"lm_head.{head}.linear_head", normed("model.norm", hidden[-1]))[0]
    cap = config["final_logit_softcapping"]
    return torch.tanh(score / cap) * cap


FORWARD: dict[str, Callable[..., torch.Tensor]] = {
    "nvembed": nv_embed,
    "qwen3": voyage,
    "new": new,
    "gte": new,
    "nomic_bert": nomic,
    "minicpm": minicpm,
    "cost_wise_gemma": gemma2,
}


class AuthorModel:
    """A checkpoint's forward pass, called as a model of transformers is."""

    def __init__(self, folder: Path) -> None:
        from safetensors.torch import load_file

        config = json.loads((folder / "config.json").read_text())
        self.values, self.weights = config, load_file(folder / "model.safetensors")
        self.config = SimpleNamespace(is_encoder_decoder=False)

    def __call__(self, input_ids: torch.Tensor, **how: Any) -> Any:
        how.pop("attention_mask", None)
        how.pop("token_type_ids", None)
        [ids] = input_ids.tolist()
        task = self.values.get("architectures", [""])[0]
        if task == "NewForMaskedLM":
            return SimpleNamespace(logits=new_words(self.weights, self.values, ids)[None])
        if task == "NewForTokenClassification":
            output = linear(self.weights, "classifier", new(self.weights, self.values, ids))
            return SimpleNamespace(logits=output[None])
        if "classifier.weight" in self.weights:
            return SimpleNamespace(logits=new_score(self.weights, self.values, ids)[None])
        output = FORWARD[self.values["model_type"]](self.weights, self.values, ids, **how)
        if output.ndim == 0:
            return SimpleNamespace(logits=output)
        return SimpleNamespace(last_hidden_state=output[None])
