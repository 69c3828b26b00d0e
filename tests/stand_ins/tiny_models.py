"""Tiny random stand-ins of the named encoders' checkpoints, as they lie on the hub.

Each has the architecture, the tokenizer's kind and the sentence-transformers files of the real one:
what the harness loads is loaded by the same code. Weights come from a seed, vocabularies hold
single characters (and each letter with a space before it, so that a space is no token of its own).

    python tiny_models.py jobs.json results.json

runs in a process of its own, see ``test_every_encoder.py``: it makes the checkpoints, encodes with
the harness, and computes beside it what plain transformers gives for the authors' recipe.
"""

from __future__ import annotations

import json
import string
import sys
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

LETTERS = string.ascii_letters
CHARACTERS = string.ascii_letters + string.digits + string.punctuation
SMALL: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "initializer_range": 0.3,
}


# Tokenizers


def wordpiece() -> dict[str, int]:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "is", "of", "##ing", "##s"]
    words += [*CHARACTERS, *(f"##{c}" for c in CHARACTERS)]
    return {word: place for place, word in enumerate(words)}


def bert_tokenizer() -> Any:
    from transformers import BertTokenizer

    return BertTokenizer(vocab=wordpiece(), model_max_length=512)


def mpnet_tokenizer() -> Any:
    from transformers import MPNetTokenizer

    renamed = {"[PAD]": "<pad>", "[CLS]": "<s>", "[SEP]": "</s>", "[MASK]": "<mask>"}
    vocab = {renamed.get(word, word): place for word, place in wordpiece().items()}
    return MPNetTokenizer(vocab=vocab, model_max_length=512)


def byte_level(specials: Sequence[str]) -> dict[str, Any]:
    from tokenizers.pre_tokenizers import ByteLevel

    merges = [("Ġ", letter) for letter in LETTERS]
    words = [*specials, *sorted(ByteLevel.alphabet()), *("".join(pair) for pair in merges)]
    return {"vocab": {word: place for place, word in enumerate(words)}, "merges": merges}


def roberta_tokenizer() -> Any:
    from transformers import RobertaTokenizer

    specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    return RobertaTokenizer(**byte_level(specials), model_max_length=512)


def qwen_tokenizer() -> Any:
    from transformers import Qwen2Tokenizer

    return Qwen2Tokenizer(**byte_level(["<|endoftext|>"]))


def pieces(specials: Sequence[str]) -> list[tuple[str, float]]:
    return [
        *((word, 0.0) for word in specials),
        ("▁", -3.0),
        *((letter, -4.0) for letter in CHARACTERS),
        *((f"▁{letter}", -4.5) for letter in LETTERS),
    ]


def xlmr_tokenizer() -> Any:
    from transformers import XLMRobertaTokenizer

    specials = ["<s>", "<pad>", "</s>", "<unk>"]
    return XLMRobertaTokenizer(vocab=[*pieces(specials), ("<mask>", 0.0)], model_max_length=8192)


def t5_tokenizer() -> Any:
    from transformers import T5Tokenizer

    specials = ["<pad>", "</s>", "<unk>"]
    return T5Tokenizer(vocab=pieces(specials), extra_ids=0, model_max_length=512)


def llama_pieces(specials: Sequence[str]) -> dict[str, Any]:
    merges = [("▁", letter) for letter in LETTERS]
    spelled = [f"<0x{byte:02X}>" for byte in range(256)]
    words = [*specials, *spelled, "▁", *CHARACTERS, *("".join(pair) for pair in merges)]
    return {"vocab": {word: place for place, word in enumerate(words)}, "merges": merges}


def llama_tokenizer() -> Any:
    from transformers import LlamaTokenizer

    specials = ["<unk>", "<s>", "</s>"]
    return LlamaTokenizer(**llama_pieces(specials), add_bos_token=True, pad_token="</s>")


def gemma_tokenizer() -> Any:
    from transformers import GemmaTokenizer

    specials = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    return GemmaTokenizer(**llama_pieces(specials), add_bos_token=True)


# Models


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
        other("XLMRobertaModel", xlmr_tokenizer, **{**ROBERTA, "max_position_embeddings": 8194}),
        ["cls", "normalize"],
        8192,
    ),
    "arctic_embed": (bert(288), ["cls", "normalize"], 512),
    "bce": (other("XLMRobertaModel", xlmr_tokenizer, **ROBERTA), ["cls"], 512),
    "nv_embed": (mistral(), ["mean", "normalize"], 4096),
    "bge_en_icl": (mistral(), ["lasttoken", "normalize"], 512),
    "bge_multilingual_gemma2": (
        other("Gemma2Model", gemma_tokenizer, **DECODER, query_pre_attn_scalar=8),
        ["lasttoken", "normalize"],
        512,
    ),
    "stella": (qwen(), ["mean", "dense+bias"], 512),
    "piccolo2": (bert(), ["mean", "dense+bias"], 512),
    "gte_qwen2": (qwen(), ["lasttoken", "normalize"], 8192),
    "nomic": (
        other("NomicBertModel", bert_tokenizer, hidden_size=288, max_position_embeddings=8192),
        ["mean"],
        8192,
    ),
    "mxbai": (bert(544), ["cls"], 512),
    "llm2vec": (mistral(is_causal=False), None, None),
}

END = ("e5_mistral", "bge_multilingual_gemma2", "gte_qwen2", "stella")
"""tokenizer_config.json says add_eos_token, but tokenizer.json adds none: e5-mistral's files do."""

CODE = {
    # model: (auto_map's repository, module, model_type, class it is made of)
    "mgte": ("Alibaba-NLP/new-impl", "modeling", "new", "XLMRoberta"),
    "nv_embed": ("", "modeling_nvembed", "nvembed", "Mistral"),
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


def make(name: str, folder: Path, repositories: Path) -> None:
    """Write the stand-in of encoder ``name`` into ``folder``."""
    import torch

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
    if name == "bge_en_icl":
        tokenizer.add_eos_token = True  # into tokenizer.json
        tokenizer.save_pretrained(folder)
    if name in END:
        path = folder / "tokenizer_config.json"
        _json(path, {**json.loads(path.read_text()), "add_eos_token": True})
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
    _json(folder / "modules.json", listed)
    lower = name == "ance"
    _json(
        folder / "sentence_bert_config.json",
        {"max_seq_length": max_length, "do_lower_case": lower},
    )
    _json(
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
    _json(folder / "config.json", {"word_embedding_dimension": hidden, **flags})


def _layer(folder: Path, module: str, hidden: int) -> None:
    import torch
    from safetensors.torch import save_file

    if module == "layernorm":
        _json(folder / "config.json", {"dimension": hidden})
        tensors = {"norm.weight": torch.rand(hidden), "norm.bias": torch.rand(hidden)}
    else:
        bias = module.endswith("+bias")
        config = {"in_features": hidden, "out_features": hidden, "bias": bias}
        config["activation_function"] = "torch.nn.modules.linear.Identity"
        tensors = {"linear.weight": torch.randn(hidden, hidden)}
        if bias:
            tensors["linear.bias"] = torch.randn(hidden)
        _json(folder / "config.json", config)
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
    _json(folder / "config.json", config)


def _json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2))


# What plain transformers gives


def expected(folder: Path, sides: dict[str, Any], recipe: dict[str, Any], side: str) -> Any:
    """Token ids and vectors of one side's texts, by the authors' recipe; no sentence-transformers.

    A text is one segment, or a list of two.
    """
    import torch
    import transformers

    trust = {"trust_remote_code": bool(recipe.get("remote_code"))}
    kind = getattr(transformers, recipe.get(f"{side}_class") or "AutoModel")
    model = kind.from_pretrained(folder, dtype=torch.float32, **trust).eval()
    if recipe.get("bidirectional"):
        model.config.is_causal = False
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **trust)
    after = _after(folder)
    ids, vectors = [], []
    for text in sides[side]:
        segments = [text] if isinstance(text, str) else text
        segments = [s.lower() for s in segments] if recipe.get("lower") else segments
        limit = recipe["max_length"]
        found = tokenizer(*segments, truncation=True, max_length=limit)["input_ids"]
        if recipe.get("end") and found[-1] != tokenizer.eos_token_id:
            found = [*found[: limit - 1], tokenizer.eos_token_id]
        with torch.inference_mode():
            output = model(input_ids=torch.tensor([found]))
        if recipe["pooling"] == "pooler":
            vector = output.pooler_output[0].float()
        else:
            hidden = output.last_hidden_state[0].float()
            if told := recipe.get(f"{side}_unpooled"):
                hidden = hidden[len(tokenizer(told)["input_ids"]) :]
            vector = {"cls": hidden[0], "mean": hidden.mean(0), "lasttoken": hidden[-1]}[
                recipe["pooling"]
            ]
        for step in after:
            vector = step(vector)
        if recipe.get("layer_norm"):
            vector = torch.nn.functional.layer_norm(vector, vector.shape)
        vector = vector[: recipe.get("dimensions")]
        if recipe["similarity"] == "cosine":
            vector = vector / vector.norm()
        ids.append(found)
        vectors.append(vector.tolist())
    return {"ids": ids, "vectors": vectors}


def _after(folder: Path) -> list[Callable[[Any], Any]]:
    """The layers behind the pooling, from their files."""
    from safetensors.torch import load_file
    from torch.nn.functional import layer_norm, linear

    steps: list[Callable[[Any], Any]] = []
    for path in sorted(folder.glob("[0-9]_*")):
        if path.name.endswith("Dense"):
            loaded = load_file(path / "model.safetensors")
            weight, bias = loaded["linear.weight"], loaded.get("linear.bias")
            steps.append(lambda x, w=weight, b=bias: linear(x, w, b))
        elif path.name.endswith("LayerNorm"):
            loaded = load_file(path / "model.safetensors")
            weight, bias = loaded["norm.weight"], loaded["norm.bias"]
            steps.append(lambda x, w=weight, b=bias: layer_norm(x, x.shape, w, b))
        elif path.name.endswith("Normalize"):
            steps.append(lambda x: x / x.norm())
    return steps


# What the harness gives


class Seen:
    """The token ids that word embeddings look up while a ``with`` block runs."""

    def __init__(self, words: int) -> None:
        self.words = words
        self.ids: list[list[int]] = []

    def __enter__(self) -> Seen:
        from torch.nn import Embedding
        from torch.nn.modules.module import register_module_forward_pre_hook

        def look(module: Any, arguments: tuple[Any, ...]) -> None:
            if isinstance(module, Embedding) and module.num_embeddings == self.words:
                self.ids.extend(arguments[0].tolist())

        self._hook = register_module_forward_pre_hook(look)
        return self

    def __exit__(self, *_: object) -> None:
        self._hook.remove()


def measured(job: dict[str, Any], repositories: Path) -> dict[str, Any]:
    """What the harness, and what plain transformers makes of a job's texts."""
    from omegaconf import OmegaConf

    from qa_bench.errors import UserError
    from qa_bench.parts import make as make_part
    from qa_bench.types import Runtime

    node, recipe, runtime = job["node"], job["recipe"], Runtime(threads=1, progress=False)
    told: dict[str, Any] = {}
    if recipe.get("remote_code"):
        part = make_part("retriever", OmegaConf.create(node))
        try:
            part.encode_questions(["who?"], runtime)
            told["refusal"] = None
        except UserError as error:
            told["refusal"] = str(error)
        node = {**node, "trust_remote_code": True}
    if node["precision"] != "fp32":  # the comparisons below want fp32
        part = make_part("retriever", OmegaConf.create(node))
        told["as_set"] = part.encode_questions(job["questions"], runtime).tolist()
    part = make_part("retriever", OmegaConf.create({**node, "precision": "fp32"}))
    folders = {}
    for side in ("question", "passage"):
        name = node[side].get("model") or node["model"]
        folders[side] = repositories / name if not Path(name).is_dir() else Path(name)
        words = json.loads((folders[side] / "config.json").read_text())["vocab_size"]
        with Seen(words) as seen:
            if side == "question":
                vectors = part.encode_questions(job["questions"], runtime)
            else:
                vectors = part.encode_passages(job["titles"], job["texts"], runtime)
        told[side] = {
            "ids": sorted(seen.ids),
            "vectors": vectors.tolist(),
            "dtype": str(vectors.dtype),
            "expected": expected(folders[side], job["recipe_texts"], recipe, side),
        }
    return told


def main(jobs: Path, results: Path) -> None:
    """Do what ``jobs`` says, in the order of its encoders."""
    import traceback

    given = json.loads(jobs.read_text())
    repositories = Path(given["repositories"])
    told = {}
    for name, job in given["encoders"].items():
        try:
            for model, layers in job["models"].items():
                folder = Path(model) if model.startswith("data/") else repositories / model
                if not folder.exists():
                    folder.mkdir(parents=True)
                    make(layers, folder, repositories)
            told[name] = measured(job, repositories)
        except Exception:
            told[name] = {"error": traceback.format_exc()}
    results.write_text(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
