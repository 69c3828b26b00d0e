"""Tiny learned sparse models with random weights: a SPLADE, and one with a table for questions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tiny_tokenizers import bert_tokenizer


def masked_language_model(folder: Path, seed: int = 0) -> Path:
    """A BERT with a masked language model's head, without files of sentence-transformers."""
    import torch
    from transformers import BertConfig, BertForMaskedLM

    tokenizer = bert_tokenizer()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        config = BertConfig(
            vocab_size=len(tokenizer), hidden_size=16, intermediate_size=24, num_hidden_layers=2,
            num_attention_heads=2, max_position_embeddings=64, initializer_range=0.6,
        )  # fmt: skip
        BertForMaskedLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def splade(folder: Path, activation: str = "relu") -> Any:
    """The same with sentence-transformers' files, saved in ``folder``; its SparseEncoder."""
    from sentence_transformers import SparseEncoder

    whole = SparseEncoder(modules=_splade(folder, activation), device="cpu")
    whole.save_pretrained(str(folder))
    return whole


def inference_free(folder: Path) -> Any:
    """Double logarithm for passages, a table of weights for questions; its SparseEncoder."""
    import torch
    from sentence_transformers import SparseEncoder
    from sentence_transformers.sparse_encoder.modules import Router, SparseStaticEmbedding

    passages = _splade(folder, "log1p_relu")
    weights = torch.linspace(0.5, 3, len(bert_tokenizer()))
    table = SparseStaticEmbedding(tokenizer=bert_tokenizer(), weight=weights, frozen=True)
    router = Router.for_query_document([table], passages)
    whole = SparseEncoder(modules=[router], device="cpu", similarity_fn_name="dot")
    whole.save_pretrained(str(folder))
    return whole


def _splade(folder: Path, activation: str) -> list[Any]:
    from sentence_transformers.sparse_encoder.modules import SpladePooling, Transformer

    base = masked_language_model(folder.with_name(f"{folder.name}-base"))
    transformer = Transformer(str(base), transformer_task="fill-mask")
    return [transformer, SpladePooling("max", activation_function=activation)]
