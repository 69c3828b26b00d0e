"""Tiny random stand-ins of the named rerankers' checkpoints, as they lie on the hub.

    python tiny_rerankers.py jobs.json results.json

runs in a process of its own, see ``test_every_reranker.py``: it makes the checkpoints, reranks with
the harness, and computes beside it what plain transformers gives for the authors' recipe.
"""

from __future__ import annotations

import itertools
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hub_jobs
import tiny_models as tiny
from tiny_tokenizers import (
    bert_tokenizer,
    gemma_tokenizer,
    llama_tokenizer,
    t5_tokenizer,
    xlmr_tokenizer,
)

CODE = {
    # reranker: (repository of its code, module, class it is made of, its model_type)
    "jina_reranker_v2": ("", "modeling_xlm_roberta", "XLMRobertaForSequenceClassification", ""),
    "mgte_reranker": (
        "Alibaba-NLP/new-impl", "modeling", "XLMRobertaForSequenceClassification", "new",
    ),
    "bge_reranker_v2_minicpm_layerwise": (
        "", "modeling_minicpm_reranker", "LlamaForCausalLM", "minicpm",
    ),
    "bge_reranker_v2_5_gemma2_lightweight": (
        "", "gemma_model", "Gemma2ForCausalLM", "cost_wise_gemma",
    ),
}  # fmt: skip
"""One without a type has that of its class: only its weights tell that this needs other code."""
PLAIN_CODE = """from transformers import {base}
from transformers.modeling_outputs import SequenceClassifierOutput


class Tiny{base}({base}):
    def __init__(self, config):
        super().__init__(config)
        self.head = self.classifier
        del self.classifier
        self.post_init()

    def forward(self, input_ids=None, attention_mask=None, return_dict=None):
        hidden = self.roberta(input_ids, attention_mask=attention_mask).last_hidden_state
        return SequenceClassifierOutput(logits=self.head(hidden))
"""
LAYERWISE_CODE = """import torch
from transformers import {base}
from transformers.modeling_outputs import CausalLMOutputWithPast


class Tiny{base}({base}):
    # A score a token from each of the layers asked for, and nothing taken but what is named.
    def __init__(self, config):
        super().__init__(config)
        layers = range(config.start_layer, config.num_hidden_layers + 1)
        self.heads = torch.nn.ModuleList(
            [torch.nn.Linear(config.hidden_size, 1, bias=False) for _ in layers]
        )
        self.post_init()

    def forward(self, input_ids=None, attention_mask=None, use_cache=None, cutoff_layers=None):
        layers = [self.config.num_hidden_layers] if cutoff_layers is None else cutoff_layers
        hidden = self.model(
            input_ids, attention_mask=attention_mask, use_cache=use_cache, output_hidden_states=True
        ).hidden_states
        logits = tuple(
            self.heads[layer - self.config.start_layer](hidden[layer]).reshape(len(input_ids), -1)
            for layer in layers
        )
        return CausalLMOutputWithPast(logits=logits)
"""
XLMR = {**tiny.ROBERTA, "max_position_embeddings": 8194, "num_labels": 1}
T5 = {**tiny.T5, "initializer_factor": 3.0, "decoder_start_token_id": 0}
LAYERWISE = {**tiny.DECODER, "num_hidden_layers": 28, "start_layer": 8}


def of(kind: str, tokenizer: Callable[[], Any], **settings: Any) -> Callable[[Any], Any]:
    """A model of class ``kind``, made by ``found(its class)``, and its tokenizer."""

    def made(found: Any) -> tuple[Any, Any]:
        import transformers

        words = tokenizer()
        config: Any = getattr(transformers, kind.partition("For")[0] + "Config")
        return found(config(**{**tiny.SMALL, "vocab_size": len(words), **settings})), words

    return made


XLMR_MODEL = of("XLMRobertaForSequenceClassification", xlmr_tokenizer, **XLMR)
MADE_OF: dict[str, tuple[str, Callable[[Any], Any]]] = {
    name: (kind, build)
    for kind, build, reranked in (
        (
            "BertForSequenceClassification",
            of("BertForSequenceClassification", bert_tokenizer, num_labels=1),
            ["msmarco_minilm"],
        ),
        (
            "BertForSequenceClassification",
            of("BertForSequenceClassification", bert_tokenizer, num_labels=2),
            ["multi_passage_bert"],
        ),
        (
            "T5ForConditionalGeneration",
            of("T5ForConditionalGeneration", t5_tokenizer, **T5),
            ["monot5", "upr"],
        ),
        (
            "XLMRobertaForSequenceClassification",
            XLMR_MODEL,
            ["bge_reranker_v2_m3", "bce_reranker", "jina_reranker_v2", "mgte_reranker"],
        ),
        (
            "GemmaForCausalLM",
            of("GemmaForCausalLM", gemma_tokenizer, **tiny.DECODER),
            ["bge_reranker_v2_gemma"],
        ),
        (
            "LlamaForCausalLM",
            of("LlamaForCausalLM", llama_tokenizer, **LAYERWISE),
            ["bge_reranker_v2_minicpm_layerwise"],
        ),
        (
            "Gemma2ForCausalLM",
            of("Gemma2ForCausalLM", gemma_tokenizer, **LAYERWISE, query_pre_attn_scalar=8),
            ["bge_reranker_v2_5_gemma2_lightweight"],
        ),
    )
    for name in reranked
}


def make(name: str, folder: Path, repositories: Path) -> None:
    """Write the stand-in of reranker ``name`` into ``folder``."""
    import torch
    import transformers

    kind, build = MADE_OF[name]
    found: Any = getattr(transformers, kind)
    torch.manual_seed(zlib.crc32(name.encode()))
    if name in CODE:
        _, module, base, _ = CODE[name]
        space: dict[str, Any] = {"__name__": module}
        exec(_code(base), space)
        found = space[f"Tiny{base}"]
    model, tokenizer = build(found)
    model.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    if name in CODE:
        _add_code(name, folder, repositories)


def _code(base: str) -> str:
    return (LAYERWISE_CODE if base.endswith("CausalLM") else PLAIN_CODE).format(base=base)


def _add_code(name: str, folder: Path, repositories: Path) -> None:
    where, module, base, model_type = CODE[name]
    beside = repositories / where if where else folder
    beside.mkdir(parents=True, exist_ok=True)
    prefix, code = f"{where}--" if where else "", _code(base)
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModelFor" + base.partition("For")[2]: f"{prefix}{module}.Tiny{base}"}
    if model_type:
        settings = base.partition("For")[0] + "Config"
        (beside / f"configuration_{module}.py").write_text(
            f"from transformers import {settings}\n\n\nclass TinyConfig({settings}):\n"
            f"    model_type = {model_type!r}\n"
        )
        config["model_type"] = model_type
        config["auto_map"]["AutoConfig"] = f"{prefix}configuration_{module}.TinyConfig"
        head = f"class Tiny{base}({base}):\n"
        code = f"from .configuration_{module} import TinyConfig\n" + code.replace(
            head, f"{head}    config_class = TinyConfig\n\n"
        )
    (beside / f"{module}.py").write_text(code)
    tiny.write_json(folder / "config.json", config)


# What plain transformers gives


def expected(folder: Path, recipe: dict[str, Any], pairs: list[tuple[str, str]]) -> list[float]:
    """The score of each pair, one at a time."""
    import torch
    import transformers

    trust = {"trust_remote_code": bool(recipe.get("remote_code"))}
    kind = getattr(transformers, recipe["class"])
    model = kind.from_pretrained(folder, dtype=torch.float32, **trust).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **trust)
    score = {"pair": _pair, "asked": _asked, "likelihood": _likelihood}[recipe["way"]]
    with torch.inference_mode():
        return [score(model, tokenizer, recipe, *pair) for pair in pairs]


def _pair(model: Any, tokenizer: Any, recipe: dict[str, Any], question: str, text: str) -> float:
    import torch

    limit, overlap = recipe["max_length"], recipe.get("overlap")
    if overlap is None:
        given = tokenizer(question, text, truncation=True, max_length=limit, return_tensors="pt")
        rows = [dict(given)]
    else:  # BCEmbedding's
        head, tail = (
            tokenizer(question)["input_ids"],
            tokenizer.encode(text, add_special_tokens=False),
        )
        room, start, rows = limit - len(head) - 2, 0, []
        shared = min(overlap, room // 4)
        while start < len(tail):
            end = start + room
            piece = [*head, tokenizer.sep_token_id, *tail[start:end], tokenizer.sep_token_id]
            rows.append({"input_ids": torch.tensor([piece])})
            start = end - shared if end < len(tail) else end
    scores = []
    for row in rows:
        logits = model(**row).logits[0]
        raw = logits[1] - logits[0] if len(logits) == 2 else logits[0]
        scores.append((raw.sigmoid() if recipe.get("sigmoid") else raw).item())
    return max(scores)


def _asked(model: Any, tokenizer: Any, recipe: dict[str, Any], question: str, text: str) -> float:
    import torch

    said = [one.format(q=question, p=text) for one in recipe["said"]]
    ids = [i for one in said for i in tokenizer(one, add_special_tokens=False)["input_ids"]]
    if model.config.is_encoder_decoder:
        ids = torch.tensor([[*ids, tokenizer.eos_token_id]])
        start = torch.tensor([[model.config.decoder_start_token_id]])
        logits = model(input_ids=ids, decoder_input_ids=start).logits[0, -1]
    else:
        ids = torch.tensor([[tokenizer.bos_token_id, *ids]])
        given = {"cutoff_layers": [recipe["layer"]]} if "layer" in recipe else {}
        logits = model(input_ids=ids, attention_mask=torch.ones_like(ids), **given).logits
        if "layer" in recipe:
            return float(logits[0][0, -1])
        logits = logits[0, -1]
    words = [tokenizer(word, add_special_tokens=False)["input_ids"][0] for word in recipe["words"]]
    return float(logits[words[0]] - (logits[words[1]] if len(words) == 2 else 0))


def _likelihood(
    model: Any, tokenizer: Any, recipe: dict[str, Any], question: str, text: str
) -> float:

    prompt = tokenizer(recipe["said"].format(p=text), return_tensors="pt")
    labels = tokenizer(f"Question: {question}", return_tensors="pt")["input_ids"]
    return -float(model(input_ids=prompt["input_ids"], labels=labels).loss)


# What the harness gives


def measured(name: str, job: dict[str, Any], repositories: Path) -> dict[str, Any]:
    """What the harness, and what plain transformers makes of a job's pairs."""
    from omegaconf import OmegaConf
    from ranked_hits import ranked

    from qa_bench.errors import UserError
    from qa_bench.parts import make as make_part
    from qa_bench.types import Runtime

    node, recipe = job["node"], job["recipe"]
    folder = repositories / node["model"]
    folder.mkdir(parents=True)
    make(name, folder, repositories)
    runtime = Runtime(threads=1, device="cpu", progress=False)
    hits = list(zip(job["titles"], job["texts"], strict=True))
    hits_of_all = ranked(job["questions"], [hits] * len(job["questions"]))
    told: dict[str, Any] = {}
    if recipe.get("remote_code"):
        try:
            make_part("reranker", OmegaConf.create(node)).rerank(hits_of_all, runtime)
            told["refusal"] = None
        except UserError as error:
            told["refusal"] = str(error)
        node = {**node, "trust_remote_code": True}
    part = make_part("reranker", OmegaConf.create({**node, "precision": "fp32"}))
    told["scores"] = part.rerank(hits_of_all, runtime).tolist()
    told["sources"] = part.sources()
    pairs = list(itertools.product(job["questions"], job["passages"]))
    told["expected"] = expected(folder, recipe, pairs)
    return told


if __name__ == "__main__":
    hub_jobs.main(measured)
