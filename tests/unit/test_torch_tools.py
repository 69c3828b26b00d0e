"""A model made quick says what it said."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from transformers import BertConfig, BertModel

from qa_bench.torch_tools import onednn, quicken

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


@pytest.mark.parametrize("act", ["gelu", "gelu_new", "relu"])
def test_float32(act: str) -> None:
    model = bert(act)
    plain = said(model)
    quicken(model)
    assert (said(model) - plain).abs().max() < 1e-5


@pytest.mark.skipif(
    not torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="the processor knows no bfloat16"
)
@pytest.mark.parametrize(("act", "one"), [("gelu", True), ("gelu_new", False), ("relu", False)])
def test_bfloat16(act: str, one: bool) -> None:
    """As near to the float32 model as torch's own; only the plain GELU is joined."""
    exact = said(bert(act))
    model = bert(act).to(torch.bfloat16)
    theirs = (said(model) - exact).abs().max()
    quicken(model)
    assert (said(model) - exact).abs().max() < 1.5 * theirs
    layers = [layer for layer in model.modules() if hasattr(layer, "intermediate_act_fn")]
    assert [isinstance(layer.forward, partial) for layer in layers] == [one] * 2
