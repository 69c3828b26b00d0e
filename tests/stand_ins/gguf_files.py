"""A tiny Llama in GGUF's format."""

from __future__ import annotations

import string
from collections.abc import Sequence
from pathlib import Path

import numpy as np

WORDS = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁"]
WORDS += [*string.ascii_lowercase, *(f"▁{letter}" for letter in string.ascii_lowercase)]
HIDDEN, WIDE, LAYERS, CONTEXT = 32, 64, 2, 64


def save_gguf(path: Path, without: Sequence[str] = ()) -> Path:
    """Random weights from a seed, but for the tensors in ``without``."""
    import gguf

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(LAYERS)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(WIDE)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(8)
    writer.add_vocab_size(len(WORDS))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(WORDS)
    writer.add_token_scores([0.0] * 3 + [-1.0] * (len(WORDS) - 3))
    writer.add_token_types([2, 3, 3] + [6] * 256 + [1] * (len(WORDS) - 259))
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    shapes: dict[str, tuple[int, ...]] = {
        "token_embd": (len(WORDS), HIDDEN),
        "output_norm": (HIDDEN,),
        "output": (len(WORDS), HIDDEN),
    }
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        shapes |= {f"{block}.{name}": (HIDDEN,) for name in ("attn_norm", "ffn_norm")}
        shapes |= {f"{block}.{name}": (HIDDEN, HIDDEN) for name in ("attn_q", "attn_output")}
        shapes |= {f"{block}.{name}": (HIDDEN // 2, HIDDEN) for name in ("attn_k", "attn_v")}
        shapes |= {f"{block}.{name}": (WIDE, HIDDEN) for name in ("ffn_gate", "ffn_up")}
        shapes[f"{block}.ffn_down"] = (HIDDEN, WIDE)
    random = np.random.default_rng(0)
    for name, shape in shapes.items():
        values = (random.standard_normal(shape) * 0.3).astype(np.float32)
        if name not in without:
            writer.add_tensor(f"{name}.weight", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
