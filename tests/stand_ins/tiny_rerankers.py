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

import author_checkpoints as checkpoints
import hub_jobs
import tiny_models as tiny
from author_checkpoints import stand_in
from author_models import AuthorModel
from tiny_tokenizers import (
    bert_tokenizer,
    gemma_tokenizer,
    llama_tokenizer,
    qwen_tokenizer,
    t5_tokenizer,
    xlmr_tokenizer,
)

CODE = {
    # reranker: (module of its code, class it is made of)
    "jina_reranker_v2": ("modeling_xlm_roberta", "XLMRobertaForSequenceClassification"),
}
"""Its model_type is that of its class: only its weights tell that it needs other code."""
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
XLMR = {**tiny.ROBERTA, "max_position_embeddings": 8194, "num_labels": 1}
T5 = {**tiny.T5, "initializer_factor": 3.0, "decoder_start_token_id": 0}
MODERN = {"pad_token_id": 0, "cls_token_id": 2, "sep_token_id": 3, "num_labels": 1, **tiny.HEADS}
CHAT = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
TRUE_TOKEN = 40


def of(kind: str, tokenizer: Callable[[], Any], **settings: Any) -> Callable[[Any], Any]:
    """A model of class ``kind``, made by ``found(its class)``, and its tokenizer."""

    def made(found: Any) -> tuple[Any, Any]:
        import transformers

        words = tokenizer()
        config: Any = getattr(transformers, kind.partition("For")[0] + "Config")
        return found(config(**{**tiny.SMALL, "vocab_size": len(words), **settings})), words

    return made


def by_authors(
    build: Callable[..., Any], tokenizer: Callable[[], Any], **settings: Any
) -> Callable[[Any], Any]:
    """A checkpoint as its authors' code writes it."""
    made = stand_in(build, tokenizer, **settings)
    return lambda _: made()


PAIRS, LM = "XLMRobertaForSequenceClassification", "ForCausalLM"
BERT, MODERNBERT = "BertForSequenceClassification", "ModernBertForSequenceClassification"
MADE_OF: dict[str, tuple[str, Callable[[Any], Any]]] = {
    name: (kind, build)
    for kind, build, rerankers in (
        (BERT, of(BERT, bert_tokenizer, num_labels=1), ["msmarco_minilm"]),
        (BERT, of(BERT, bert_tokenizer, num_labels=2), ["multi_passage_bert"]),
        (
            MODERNBERT,
            of(MODERNBERT, bert_tokenizer, max_position_embeddings=8192, **MODERN),
            ["gte_reranker_modernbert", "granite_reranker_r2"],
        ),
        (
            "T5ForConditionalGeneration",
            of("T5ForConditionalGeneration", t5_tokenizer, **T5),
            ["monot5", "upr"],
        ),
        (
            PAIRS,
            of(PAIRS, xlmr_tokenizer, **XLMR),
            ["bge_reranker_base", "bge_reranker_v2_m3", "bce_reranker", "jina_reranker_v2"],
        ),
        (
            f"Gemma{LM}",
            of(f"Gemma{LM}", gemma_tokenizer, **tiny.DECODER),
            ["bge_reranker_v2_gemma"],
        ),
        (
            f"Qwen2{LM}",
            of(f"Qwen2{LM}", qwen_tokenizer, **{**tiny.DECODER, **tiny.HEADS}),
            ["mxbai_rerank_base_v2"],
        ),
        (
            f"Qwen3{LM}",
            of(f"Qwen3{LM}", qwen_tokenizer, **{**tiny.DECODER, **tiny.HEADS}),
            ["qwen3_reranker_0_6b", "zerank_2"],
        ),
        (
            "",
            by_authors(
                checkpoints.new,
                xlmr_tokenizer,
                task="ForSequenceClassification",
                scaling={"type": "ntk", "factor": 8.0},
            ),
            ["mgte_reranker"],
        ),
        (
            "",
            by_authors(checkpoints.minicpm, llama_tokenizer),
            ["bge_reranker_v2_minicpm_layerwise"],
        ),
        (
            "",
            by_authors(checkpoints.gemma2, gemma_tokenizer),
            ["bge_reranker_v2_5_gemma2_lightweight"],
        ),
    )
    for name in rerankers
}


def make(name: str, folder: Path) -> None:
    """Write the stand-in of reranker ``name`` into ``folder``."""
    import torch
    import transformers

    kind, build = MADE_OF[name]
    found: Any = getattr(transformers, kind) if kind else None
    torch.manual_seed(zlib.crc32(name.encode()))
    if name in CODE:
        module, base = CODE[name]
        space: dict[str, Any] = {"__name__": module}
        exec(PLAIN_CODE.format(base=base), space)
        found = space[f"Tiny{base}"]
    model, tokenizer = build(found)
    if name == "zerank_2":
        tokenizer.chat_template = CHAT
    model.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    if name == "zerank_2":
        _add_modules(folder)
    if name in CODE:
        _add_code(name, folder)


def _add_modules(folder: Path) -> None:
    """What tells sentence-transformers that it reads the logit of one token."""
    from sentence_transformers import CrossEncoder
    from sentence_transformers.base.modules.transformer import Transformer
    from sentence_transformers.cross_encoder.modules.logit_score import LogitScore

    transformer = Transformer(
        str(folder),
        transformer_task="text-generation",
        processing_kwargs={"chat_template": {"add_generation_prompt": True}},
    )
    CrossEncoder(modules=[transformer, LogitScore(TRUE_TOKEN)], device="cpu").save(str(folder))


def _add_code(name: str, folder: Path) -> None:
    module, base = CODE[name]
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModelFor" + base.partition("For")[2]: f"{module}.Tiny{base}"}
    (folder / f"{module}.py").write_text(PLAIN_CODE.format(base=base))
    tiny.write_json(folder / "config.json", config)


# What plain transformers gives


def expected(folder: Path, recipe: dict[str, Any], pairs: list[tuple[str, str]]) -> list[float]:
    """The score of each pair, one at a time."""
    import torch
    import transformers

    trust = {"trust_remote_code": bool(recipe.get("remote_code"))}
    if recipe.get("authors"):
        model: Any = AuthorModel(folder)
    else:
        kind = getattr(transformers, recipe["class"])
        model = kind.from_pretrained(folder, dtype=torch.float32, **trust).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **trust)
    ways = {"pair": _pair, "asked": _asked, "chat": _chat, "likelihood": _likelihood}
    score = ways[recipe["way"]]
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
    pieces = [tokenizer(one, add_special_tokens=False)["input_ids"] for one in said]
    ids = [token for piece in pieces for token in piece]
    if recipe.get("authors"):
        how = dict(recipe["how"])
        if "ratio" in how:  # which tokens are the passage's
            how["before"] = 1 + sum(map(len, pieces[:2]))
            how["after"] = sum(map(len, pieces[3:]))
        ids = torch.tensor([[tokenizer.bos_token_id, *ids]])
        return float(model(input_ids=ids, **how).logits)
    if model.config.is_encoder_decoder:
        ids = torch.tensor([[*ids, tokenizer.eos_token_id]])
        start = torch.tensor([[model.config.decoder_start_token_id]])
        logits = model(input_ids=ids, decoder_input_ids=start).logits[0, -1]
    else:
        begin = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
        logits = model(input_ids=torch.tensor([[*begin, *ids]])).logits[0, -1]
    words = [tokenizer(word, add_special_tokens=False)["input_ids"][0] for word in recipe["words"]]
    return float(logits[words[0]] - (logits[words[1]] if len(words) == 2 else 0))


def _chat(model: Any, tokenizer: Any, recipe: dict[str, Any], question: str, text: str) -> float:
    import torch

    said = f"<|query|>{question}\n<|document|>{text}\n<|assistant|>"
    ids = tokenizer(said, add_special_tokens=False)["input_ids"]
    return float(model(input_ids=torch.tensor([ids])).logits[0, -1, TRUE_TOKEN])


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
    make(name, folder)
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
