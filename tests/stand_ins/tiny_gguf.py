"""A tiny decoder of random weights as a GGUF file, which transformers reads as SmolLM2's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from tiny_tokenizers import byte_level

_WIDTH, _INSIDE, _HEADS, _LAYERS = 32, 48, 4, 2


def write_gguf(path: Path) -> None:
    """Write it; the same bytes every time."""
    import gguf

    words: dict[str, Any] = byte_level(["<|endoftext|>"])
    tokens = sorted(words["vocab"], key=words["vocab"].get)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(64)
    writer.add_block_count(_LAYERS)
    writer.add_embedding_length(_WIDTH)
    writer.add_feed_forward_length(_INSIDE)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10_000.0)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token.startswith("<|") else 1 for token in tokens])
    writer.add_token_merges([" ".join(pair) for pair in words["merges"]])
    end = words["vocab"]["<|endoftext|>"]
    writer.add_bos_token_id(end)
    writer.add_eos_token_id(end)
    random = np.random.default_rng(0)
    for name, shape in _tensors(len(tokens)).items():
        values = np.ones(shape) if len(shape) == 1 else random.normal(0, 0.3, shape)
        writer.add_tensor(name, values.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _tensors(words: int) -> dict[str, tuple[int, ...]]:
    """Shapes by the names that llama.cpp gives them."""
    shapes: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (words, _WIDTH),
        "output_norm.weight": (_WIDTH,),
    }
    for layer in range(_LAYERS):
        block = f"blk.{layer}"
        shapes |= {f"{block}.attn_{one}.weight": (_WIDTH, _WIDTH) for one in ("q", "k", "v")}
        shapes[f"{block}.attn_output.weight"] = (_WIDTH, _WIDTH)
        shapes |= {f"{block}.ffn_{one}.weight": (_INSIDE, _WIDTH) for one in ("gate", "up")}
        shapes[f"{block}.ffn_down.weight"] = (_WIDTH, _INSIDE)
        shapes |= {f"{block}.{one}_norm.weight": (_WIDTH,) for one in ("attn", "ffn")}
    return shapes
