"""A model made quick says what it said."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from transformers import BertConfig, BertModel

from qa_bench.runtime.onednn import onednn, quicken

pytestmark = pytest.mark.skipif(not onednn(), reason="torch has no oneDNN here")


def bert(act: str) -> Any:
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 64}
    return BertModel(BertConfig(vocab_size=50, num_hidden_layers=2, hidden_act=act, **sizes)).eval()


def said(model: Any) -> torch.Tensor:
    with torch.inference_mode():
        ids = torch.arange(40).reshape(2, 20)
        found: torch.Tensor = model(input_ids=ids).last_hidden_state.float()
    return found


ACTS = pytest.mark.parametrize(("act", "joined"), [("gelu", 2), ("gelu_new", 0), ("relu", 0)])


def joined_layers(model: Any) -> int:
    layers = [layer for layer in model.modules() if hasattr(layer, "intermediate_act_fn")]
    return sum(isinstance(layer.forward, partial) for layer in layers)


@ACTS
def test_float32(act: str, joined: int) -> None:
    """The same values; only the plain GELU is joined to the product before it."""
    model = bert(act)
    plain = said(model)
    quicken(model, 40)
    assert (said(model) - plain).abs().max() < 1e-5
    assert joined_layers(model) == joined


@pytest.mark.skipif(
    not torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="the processor knows no bfloat16"
)
@ACTS
def test_bfloat16(act: str, joined: int) -> None:
    """As near to the float32 model as torch's own."""
    exact = said(bert(act))
    model = bert(act).to(torch.bfloat16)
    theirs = (said(model) - exact).abs().max()
    quicken(model, 40)
    assert (said(model) - exact).abs().max() < 1.5 * theirs
    assert joined_layers(model) == joined
