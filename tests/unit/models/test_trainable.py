"""How layers run while a model is trained."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_towers import plain_bert

from qa_bench.models.trainable import set_attention


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
