"""Tiny rerankers with random weights, made on the spot: cross-encoders and language models."""

from __future__ import annotations

import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tiny_models import SMALL

from qa_bench.store.ranked import Ranked
from qa_bench.types import Runtime

RUNTIME = Runtime(threads=2, device="cpu", progress=False)
CHARACTERS = string.ascii_lowercase + string.digits + ".,?'"
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *CHARACTERS]
VOCABULARY = {w: n for n, w in enumerate([*WORDS, *(f"##{c}" for c in CHARACTERS)])}

MakeRanked = Callable[..., Ranked]


def save_cross_encoder(folder: Path, labels: int = 1, kind: str = "bert") -> Path:
    """A random cross-encoder of tiny size."""
    import torch
    import transformers

    torch.manual_seed(7)
    if kind == "bert":
        tokenizer: Any = transformers.BertTokenizer(vocab=VOCABULARY, model_max_length=128)
        config: Any = transformers.BertConfig(
            **SMALL, vocab_size=len(VOCABULARY), num_labels=labels
        )
        model: Any = transformers.BertForSequenceClassification(config)
    else:
        specials = ["<s>", "<pad>", "</s>", "<unk>"]
        pieces = [(w, 0.0) for w in specials] + [("▁", -3.0), *((c, -4.0) for c in CHARACTERS)]
        tokenizer = transformers.XLMRobertaTokenizer(
            vocab=[*pieces, ("<mask>", 0.0)], model_max_length=128
        )
        config = transformers.XLMRobertaConfig(
            **SMALL, vocab_size=len(tokenizer), num_labels=labels, pad_token_id=1
        )
        model = transformers.XLMRobertaForSequenceClassification(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def byte_tokenizer() -> Any:
    """A byte-level tokenizer: one token a byte; its beginning and end are one token, as GPT-2's."""
    import transformers
    from tokenizers.pre_tokenizers import ByteLevel

    words = ["<|end|>", *sorted(ByteLevel.alphabet())]
    return transformers.GPT2Tokenizer(
        vocab={w: n for n, w in enumerate(words)},
        merges=[],
        unk_token="<|end|>",
        bos_token="<|end|>",
        eos_token="<|end|>",
    )


def save_decoder(folder: Path) -> Path:
    """A random Llama of tiny size."""
    import torch
    import transformers

    torch.manual_seed(8)
    tokenizer = byte_tokenizer()
    config = transformers.LlamaConfig(
        **SMALL, vocab_size=len(tokenizer), num_key_value_heads=2, eos_token_id=0, bos_token_id=0
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def save_encoder_decoder(folder: Path) -> Path:
    """A random T5 of tiny size."""
    import torch
    import transformers

    torch.manual_seed(9)
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -3.0)]
    pieces += [(c, -4.0) for c in CHARACTERS + "PQDR:"]
    tokenizer = transformers.T5Tokenizer(vocab=pieces, extra_ids=0)
    config = transformers.T5Config(
        d_model=32,
        d_kv=8,
        d_ff=48,
        num_layers=2,
        num_heads=4,
        vocab_size=len(tokenizer),
        initializer_factor=3.0,
        decoder_start_token_id=0,
    )
    transformers.T5ForConditionalGeneration(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
