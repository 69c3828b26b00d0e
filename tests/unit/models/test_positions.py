"""How many tokens models have positions for: what they take, and what config.json tells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qa_bench.errors import UserError
from qa_bench.models.positions import announced, check_announced, check_length, positions
from qa_bench.models.source import Source

SMALL: dict[str, Any] = {
    "vocab_size": 40,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "max_position_embeddings": 20,
}
GPT = {"vocab_size": 40, "n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 20}
BART = {
    "vocab_size": 40, "d_model": 16, "encoder_layers": 1, "decoder_layers": 1,
    "encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 16,
    "decoder_ffn_dim": 16, "max_position_embeddings": 20,
}  # fmt: skip
DECODER = {**SMALL, "num_key_value_heads": 2, "head_dim": 8, "pad_token_id": None}
NEO = {**SMALL, "num_layers": 1, "num_heads": 2, "attention_types": [[["global"], 1]]}
PADDED = {**SMALL, "pad_token_id": 1}
TABLES: list[tuple[str, dict[str, Any], int]] = [
    ("Bert", SMALL, 20),
    ("Electra", {**SMALL, "embedding_size": 16}, 20),
    ("Albert", {**SMALL, "embedding_size": 16}, 20),
    ("DistilBert", {**SMALL, "dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 16}, 20),
    ("MobileBert", {**SMALL, "embedding_size": 16, "intra_bottleneck_size": 16}, 20),
    ("Roberta", PADDED, 18),
    ("XLMRoberta", {**PADDED, "pad_token_id": 3}, 16),
    ("Camembert", PADDED, 18),
    ("MPNet", PADDED, 18),
    ("GPT2", GPT, 20),
    ("GPTNeo", NEO, 20),
    ("OPT", {**SMALL, "ffn_dim": 16, "word_embed_proj_dim": 16}, 20),
    ("Bart", BART, 20),
]  # fmt: skip
ENDLESS: list[tuple[str, dict[str, Any]]] = [
    ("T5", {"vocab_size": 40, "d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1,
            "num_heads": 2, "n_positions": 20}),
    ("Llama", DECODER),
    ("Qwen2", DECODER),
    ("ModernBert", {**PADDED, "pad_token_id": 0}),
    ("DebertaV2", {**SMALL, "position_biased_input": False, "relative_attention": True}),
    ("Bloom", {"vocab_size": 40, "hidden_size": 16, "n_layer": 1, "n_head": 2}),
]  # fmt: skip


def made(kind: str, settings: dict[str, Any]) -> Any:
    import transformers

    config = getattr(transformers, f"{kind}Config")(**settings)
    return getattr(transformers, f"{kind}Model")(config).eval()


def reads(model: Any, tokens: int) -> Any:
    import torch

    with torch.inference_mode():
        ids = torch.full((1, tokens), 5)
        more = {"decoder_input_ids": ids} if model.config.is_encoder_decoder else {}
        return model(input_ids=ids, attention_mask=torch.ones_like(ids), **more)


@pytest.mark.parametrize(("kind", "settings", "most"), TABLES, ids=[kind for kind, *_ in TABLES])
def test_tables_have_an_end(kind: str, settings: dict[str, Any], most: int) -> None:
    model = made(kind, settings)
    assert positions(model) == most
    assert announced(json.loads(model.config.to_json_string(use_diff=False))) == most
    reads(model, most)
    with pytest.raises((IndexError, RuntimeError)):
        reads(model, most + 1)


@pytest.mark.parametrize(("kind", "settings"), ENDLESS, ids=[kind for kind, _ in ENDLESS])
def test_others_have_none(kind: str, settings: dict[str, Any]) -> None:
    model = made(kind, settings)
    assert positions(model) is None
    assert announced(json.loads(model.config.to_json_string(use_diff=False))) is None
    reads(model, 30)


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"model_type": "bert"},
        {"model_type": "bert", "max_position_embeddings": "many"},
        {"model_type": "bert", "max_position_embeddings": 0},
        {"model_type": "roberta", "max_position_embeddings": 2},
        {"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": None},
        {"model_type": ["bert"], "max_position_embeddings": 512},
        {"model_type": "bert", "max_position_embeddings": 9, "position_embedding_type": "rotary"},
    ],
)
def test_configs_that_do_not_tell(config: dict[str, Any]) -> None:
    assert announced(config) is None


def test_more_than_there_are() -> None:
    with pytest.raises(UserError) as error:
        check_length("retriever.max_length", 1000, 512)
    assert str(error.value) == "retriever.max_length=1000, but the model has 512 positions"
    for length, most in ((512, 512), (None, 512), (1000, None), (None, None)):
        check_length("retriever.max_length", length, most)


@pytest.mark.parametrize("content", [None, "no json", "[]", '{"model_type": "llama"}'])
def test_a_folder_that_does_not_tell(content: str | None, tmp_path: Path) -> None:
    """What is wrong with it, loading tells."""
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    check_announced(Source(str(tmp_path)), "x", 10**6)
    check_announced(Source(str(tmp_path / "none")), "x", 10**6)
