"""Tiny random stand-ins of the named encoders' checkpoints, as they lie on the hub.

Each has the architecture, the tokenizer's kind and the sentence-transformers files of the real one:
what the harness loads is loaded by the same code. Weights come from a seed.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import author_checkpoints as checkpoints
from author_checkpoints import stand_in
from tiny_tokenizers import (
    bert_tokenizer,
    gemma_tokenizer,
    gpt2_tokenizer,
    llama_tokenizer,
    mpnet_tokenizer,
    qwen3_tokenizer,
    qwen_tokenizer,
    roberta_tokenizer,
    t5_tokenizer,
    wordpiece,
    xlmr_tokenizer,
)

SMALL: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "initializer_range": 0.3,
}


def bert(hidden: int = 32, kind: str = "BertModel") -> Callable[[], tuple[Any, Any]]:
    def made() -> tuple[Any, Any]:
        import transformers

        settings = {**SMALL, "hidden_size": hidden, "vocab_size": len(wordpiece())}
        config_class = "DPRConfig" if kind.startswith("DPR") else "BertConfig"
        config = getattr(transformers, config_class)(**settings)
        return getattr(transformers, kind)(config), bert_tokenizer()

    return made


def other(
    kind: str, tokenizer: Callable[[], Any], **settings: Any
) -> Callable[[], tuple[Any, Any]]:
    """A model of class ``kind`` of transformers, with the vocabulary of ``tokenizer``."""

    def made() -> tuple[Any, Any]:
        import transformers

        words = tokenizer()
        name = kind.replace("EncoderModel", "Model").replace("Model", "Config")
        config = getattr(transformers, name)(**{**SMALL, "vocab_size": len(words), **settings})
        return getattr(transformers, kind)(config), words

    return made


ROBERTA = {"max_position_embeddings": 514, "type_vocab_size": 1, "pad_token_id": 1}
T5 = {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4}
DECODER = {"num_key_value_heads": 2, "head_dim": 8, "pad_token_id": None}
HEADS = {"bos_token_id": None, "eos_token_id": None}


def mistral(**settings: Any) -> Callable[[], tuple[Any, Any]]:
    return other("MistralModel", llama_tokenizer, **DECODER, **settings)


def qwen() -> Callable[[], tuple[Any, Any]]:
    return other("Qwen2Model", qwen_tokenizer, **{**DECODER, **HEADS})


def xlmr(rows: int) -> Callable[[], tuple[Any, Any]]:
    return other("XLMRobertaModel", xlmr_tokenizer, **{**ROBERTA, "max_position_embeddings": rows})


def modernbert() -> Callable[[], tuple[Any, Any]]:
    ids = {"pad_token_id": 0, "cls_token_id": 2, "sep_token_id": 3, **HEADS}
    return other("ModernBertModel", bert_tokenizer, max_position_embeddings=8192, **ids)


def gemma3(**settings: Any) -> Callable[[], tuple[Any, Any]]:
    return other("Gemma3TextModel", gemma_tokenizer, **DECODER, query_pre_attn_scalar=8, **settings)


LAYERS: dict[str, Any] = {
    # name: (model and tokenizer, modules of sentence-transformers or None, their max_seq_length)
    "dpr_question": (bert(kind="DPRQuestionEncoder"), None, None),
    "dpr_passage": (bert(kind="DPRContextEncoder"), None, None),
    "mpnet": (other("MPNetModel", mpnet_tokenizer), ["mean", "normalize"], 384),
    "sbert": (bert(), ["mean"], 128),
    "simcse_sup": (bert(), None, None),
    "simcse_unsup": (bert(), None, None),
    "st5": (other("T5EncoderModel", t5_tokenizer, **T5), ["mean", "dense", "normalize"], 256),
    "gtr": (other("T5EncoderModel", t5_tokenizer, **T5), ["mean", "dense", "normalize"], 512),
    "contriever": (bert(), None, None),
    "contriever_msmarco": (bert(), None, None),
    "ance": (
        other("RobertaModel", roberta_tokenizer, **ROBERTA),
        ["cls", "dense+bias", "layernorm"],
        512,
    ),
    "e5_small": (bert(), ["mean", "normalize"], 512),
    "e5_base": (bert(), ["mean", "normalize"], 512),
    "e5_large": (bert(), ["mean", "normalize"], 512),
    "e5_small_v2": (bert(), ["mean", "normalize"], 512),
    "e5_base_v2": (bert(), ["mean", "normalize"], 512),
    "e5_large_v2": (bert(), ["mean", "normalize"], 512),
    "multilingual_e5_small": (bert(), ["mean", "normalize"], 512),
    "multilingual_e5_base": (xlmr(514), ["mean", "normalize"], 512),
    "multilingual_e5_large": (xlmr(514), ["mean", "normalize"], 512),
    "qwen3_embedding_0_6b": (
        other("Qwen3Model", qwen3_tokenizer, **DECODER),
        ["lasttoken", "normalize"],
        32768,
    ),
    "gte_modernbert": (modernbert(), ["cls"], 8192),
    "modernbert_embed": (modernbert(), ["mean", "normalize"], 8192),
    "arctic_embed_l_v2": (xlmr(8194), ["cls", "normalize"], 8192),
    "e5_mistral": (mistral(), ["lasttoken", "normalize"], 4096),
    "bge_small_en": (bert(), ["cls", "normalize"], 512),
    "bge_base_en": (bert(), ["cls", "normalize"], 512),
    "bge_large_en": (bert(), ["cls", "normalize"], 512),
    "bge_m3": (
        other("XLMRobertaModel", xlmr_tokenizer, **{**ROBERTA, "max_position_embeddings": 8194}),
        ["cls", "normalize"],
        8192,
    ),
    "gte": (bert(), ["mean", "normalize"], 512),
    "mgte": (
        stand_in(checkpoints.new, xlmr_tokenizer, scaling={"type": "ntk", "factor": 8.0}),
        ["cls", "normalize"],
        8192,
    ),
    "arctic_embed_m_v2": (
        stand_in(checkpoints.new, xlmr_tokenizer, model_type="gte"),
        ["cls", "normalize"],
        8192,
    ),
    "stella_400m": (
        stand_in(checkpoints.new, bert_tokenizer, types=2, scaling={"type": "ntk", "factor": 2.0}),
        ["mean", "dense+bias"],
        512,
    ),
    "nomic_v2_moe": (stand_in(checkpoints.nomic, xlmr_tokenizer), ["mean", "normalize"], 512),
    "arctic_embed": (bert(288), ["cls", "normalize"], 512),
    "bce": (other("XLMRobertaModel", xlmr_tokenizer, **ROBERTA), ["cls"], 512),
    "voyage_4_nano": (stand_in(checkpoints.voyage, qwen_tokenizer), ["mean", "normalize"], 32000),
    "nv_embed": (stand_in(checkpoints.nv_embed, llama_tokenizer), ["mean", "normalize"], 4096),
    "nv_embed_v1": (stand_in(checkpoints.nv_embed, llama_tokenizer), ["mean", "normalize"], 4096),
    "bge_en_icl": (mistral(), ["lasttoken", "normalize"], 512),
    "bge_multilingual_gemma2": (
        other("Gemma2Model", gemma_tokenizer, **DECODER, query_pre_attn_scalar=8),
        ["lasttoken", "normalize"],
        512,
    ),
    "stella": (qwen(), ["mean", "dense+bias"], 512),
    "bge_large_zh": (bert(), ["cls", "normalize"], 512),
    "gte_qwen2": (qwen(), ["lasttoken", "normalize"], 8192),
    "nomic": (
        other("NomicBertModel", bert_tokenizer, hidden_size=288, max_position_embeddings=8192),
        ["mean"],
        8192,
    ),
    "mxbai": (bert(544), ["cls"], 512),
    "llm2vec": (mistral(), None, None),
    "st5_encdec": (other("T5Model", t5_tokenizer, **T5, decoder_start_token_id=0), None, None),
    "multilingual_e5_large_instruct": (xlmr(514), ["mean", "normalize"], 512),
    "harrier_0_6b": (
        other("Qwen3Model", qwen3_tokenizer, **DECODER),
        ["lasttoken", "normalize"],
        None,
    ),
    "harrier_270m": (gemma3(), ["lasttoken", "normalize"], None),
    "embeddinggemma_300m": (
        gemma3(hidden_size=288, use_bidirectional_attention=True),
        ["mean", "dense", "dense", "normalize"],
        2048,
    ),
    "denseon": (modernbert(), ["cls"], 512),
    "mdenseon": (modernbert(), ["cls"], 8192),
    "f2llm_v2_0_6b": (
        other("Qwen3Model", qwen_tokenizer, **{**DECODER, **HEADS}),
        ["lasttoken", "normalize"],
        40960,
    ),
    "sgpt_125m": (
        other("GPTNeoModel", gpt2_tokenizer, attention_types=[[["global", "local"], 1]]),
        ["weightedmean"],
        300,
    ),
    "sgpt_5_8b": (other("GPTJModel", gpt2_tokenizer, rotary_dim=4), ["weightedmean"], 300),
    "llm_embedder": (bert(), ["cls", "normalize"], 512),
    "jina_v3": (
        other("JinaEmbeddingsV3Model", xlmr_tokenizer, pad_token_id=1, type_vocab_size=1),
        None,
        None,
    ),
    "jina_v5_small": (
        other("Qwen3Model", qwen3_tokenizer, **DECODER),
        ["lasttoken", "normalize"],
        32768,
    ),
    "jina_v5_nano": (
        other("EuroBertModel", qwen3_tokenizer, **DECODER),
        ["lasttoken", "normalize"],
        8192,
    ),
    "granite_english_r2": (modernbert(), ["cls", "normalize"], 8192),
    "bge_en_icl_examples": (mistral(), ["lasttoken", "normalize"], 512),
}

END = ("e5_mistral", "bge_multilingual_gemma2", "gte_qwen2", "stella", "f2llm_v2_0_6b")
"""tokenizer_config.json says add_eos_token, but tokenizer.json adds none: e5-mistral's files do."""

CODE = {
    # model: (auto_map's repository, module, model_type, class it is made of)
    "gte_qwen2": ("", "modeling_qwen", "", "Qwen2"),
    "stella": ("", "modeling_qwen", "", "Qwen2"),
}
CONFIG_CODE = """from transformers import {base}Config


class TinyConfig({base}Config):
    model_type = "{model_type}"
"""
MODEL_CODE = """from transformers import {base}Model
{imported}

class TinyModel({base}Model):
    {config_class}
    def __init__(self, config, **settings):
        config.is_causal = False
        super().__init__(config, **settings)
"""


MISTRAL_LAYERS = [("self_attn.q_proj", 32), ("self_attn.v_proj", 16), ("mlp.up_proj", 48)]
JINA_LAYERS = [("self_attn.q_proj", 32), ("mlp.fc1", 48)]


def make_adapter(folder: Path, places: Sequence[tuple[str, int]], words: int = 0) -> None:
    """LoRA adapters of a stand-in's layers, and of its words, as peft writes them."""
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(zlib.crc32(folder.name.encode()))
    tensors = {}
    for layer in range(2):
        for module, out in places:
            name = f"base_model.model.layers.{layer}.{module}"
            tensors[f"{name}.lora_A.weight"] = torch.randn(4, 32) * 0.3
            tensors[f"{name}.lora_B.weight"] = torch.randn(out, 4) * 0.3
    if words:
        name = "base_model.model.embeddings.word_embeddings.lora_embedding_"
        tensors[f"{name}A"] = torch.randn(4, words) * 0.3
        tensors[f"{name}B"] = torch.randn(32, 4) * 0.3
    save_file(tensors, folder / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "bias": "none", "use_dora": False}
    write_json(folder / "adapter_config.json", {**config, "modules_to_save": None})


def make(name: str, folder: Path, repositories: Path) -> None:
    """Write the stand-in of encoder ``name`` into ``folder``."""
    import torch

    if name == "adapter":
        make_adapter(folder, MISTRAL_LAYERS)
        return
    build, modules, max_length = LAYERS[name]
    torch.manual_seed(zlib.crc32(name.encode()))
    model, tokenizer = build()
    for parameter, values in model.named_parameters():
        if "norm" in parameter.lower():  # new ones are 1 and 0, which hides what they do
            torch.nn.init.uniform_(values, 0.5, 1.5)
    model.eval().save_pretrained(folder)
    if name.startswith("dpr_"):  # older than safetensors
        (folder / "model.safetensors").unlink()
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
    tokenizer.save_pretrained(folder)
    if name == "jina_v3":
        for side in ("retrieval_query", "retrieval_passage"):
            (folder / side).mkdir()
            make_adapter(folder / side, JINA_LAYERS, len(tokenizer))
    if name.startswith("bge_en_icl"):
        tokenizer.add_eos_token = True  # into tokenizer.json
        tokenizer.save_pretrained(folder)
    if name in END:
        path = folder / "tokenizer_config.json"
        write_json(path, {**json.loads(path.read_text()), "add_eos_token": True})
    if name in CODE:
        _add_code(name, folder, repositories)
    if modules is None:
        return
    hidden = model.config.hidden_size
    paths = [("", "Transformer")]
    for place, module in enumerate(modules, 1):
        kind = module.partition("+")[0]
        title = {"dense": "Dense", "layernorm": "LayerNorm", "normalize": "Normalize"}.get(kind)
        path = f"{place}_{title or 'Pooling'}"
        paths.append((path, title or "Pooling"))
        (folder / path).mkdir()
        if title is None:
            _pooling(folder / path, kind, hidden)
        elif kind != "normalize":
            _layer(folder / path, module, hidden)
    listed = [
        {
            "idx": idx,
            "name": str(idx),
            "path": path,
            "type": f"sentence_transformers.models.{kind}",
        }
        for idx, (path, kind) in enumerate(paths)
    ]
    write_json(folder / "modules.json", listed)
    lower = name == "ance"
    if max_length is not None:
        write_json(
            folder / "sentence_bert_config.json",
            {"max_seq_length": max_length, "do_lower_case": lower},
        )
    write_json(
        folder / "config_sentence_transformers.json",
        {"prompts": {"query": "not to be used: "}, "default_prompt_name": None},
    )


def _pooling(folder: Path, mode: str, hidden: int) -> None:
    modes = {
        "cls": "cls_token",
        "mean": "mean_tokens",
        "max": "max_tokens",
        "mean_sqrt": "mean_sqrt_len_tokens",
        "weightedmean": "weightedmean_tokens",
        "lasttoken": "lasttoken",
    }
    flags = {f"pooling_mode_{name}": key == mode for key, name in modes.items()}
    write_json(folder / "config.json", {"word_embedding_dimension": hidden, **flags})


def _layer(folder: Path, module: str, hidden: int) -> None:
    import torch
    from safetensors.torch import save_file

    if module == "layernorm":
        write_json(folder / "config.json", {"dimension": hidden})
        tensors = {"norm.weight": torch.rand(hidden), "norm.bias": torch.rand(hidden)}
    else:
        bias = module.endswith("+bias")
        config = {"in_features": hidden, "out_features": hidden, "bias": bias}
        config["activation_function"] = "torch.nn.modules.linear.Identity"
        tensors = {"linear.weight": torch.randn(hidden, hidden)}
        if bias:
            tensors["linear.bias"] = torch.randn(hidden)
        write_json(folder / "config.json", config)
    save_file(tensors, folder / "model.safetensors")


def _add_code(name: str, folder: Path, repositories: Path) -> None:
    where, module, model_type, base = CODE[name]
    code = repositories / where if where else folder
    code.mkdir(parents=True, exist_ok=True)
    prefix = f"{where}--" if where else ""
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModel": f"{prefix}{module}.TinyModel"}
    settings = {"base": base, "model_type": model_type, "imported": "", "config_class": ""}
    if model_type:
        config["model_type"] = model_type
        other_module = module.replace("modeling", "configuration")
        config["auto_map"]["AutoConfig"] = f"{prefix}{other_module}.TinyConfig"
        (code / f"{other_module}.py").write_text(CONFIG_CODE.format(**settings))
        settings["imported"] = f"\nfrom .{other_module} import TinyConfig\n"
        settings["config_class"] = "config_class = TinyConfig\n"
    (code / f"{module}.py").write_text(MODEL_CODE.format(**settings))
    write_json(folder / "config.json", config)


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2))
