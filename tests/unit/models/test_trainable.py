"""How layers run while a model is trained, and how large it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_towers import plain_bert

from qa_bench.models.trainable import set_attention, sizes, without_embeddings


def test_a_model_without_sdpa_stays_eager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from transformers import AutoModel, BertModel

    model = torch.nn.Sequential(AutoModel.from_pretrained(plain_bert(tmp_path / "base")))
    set_attention(model, "sdpa")
    assert model[0].config._attn_implementation == "sdpa"
    set_attention(model, "eager")
    assert model[0].config._attn_implementation == "eager"
    monkeypatch.setattr(BertModel, "_supports_sdpa", False)
    set_attention(model, "sdpa")
    assert model[0].config._attn_implementation == "eager"


def test_tables_do_not_count_and_shared_weights_count_once() -> None:
    torch = pytest.importorskip("torch")
    shared = torch.nn.Linear(3, 4)
    frozen = torch.nn.Linear(2, 2)
    frozen.requires_grad_(False)
    table = torch.nn.Embedding(10, 3)
    model = torch.nn.ModuleDict(
        {"table": table, "a": shared, "b": shared, "norm": torch.nn.LayerNorm(4), "c": frozen}
    )
    assert without_embeddings(model) == 3 * 4 + 4 + 2 * 4
    assert sizes(model)["trained"] == 30 + 24
