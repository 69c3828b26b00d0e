"""A model made quick says what it said."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import torch
from transformers import BertConfig, BertModel

from qa_bench.runtime import onednn as module
from qa_bench.runtime.onednn import onednn, quick_linear, quicken, right_types

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


# The probe


@pytest.fixture
def anew() -> Iterator[None]:
    """The next question is the first of this process, and so is the one after the test."""
    module._probe.cache_clear()
    yield
    module._probe.cache_clear()


real: Any = torch.ops.mkldnn


def raises(*_: Any) -> Any:
    raise TypeError("_linear_pointwise() got\nanother argument")


def without_bias(x: Any, weight: Any, bias: Any, *rest: Any) -> Any:
    return LINEAR(x, weight, None, *rest)


def tanh_gelu(x: Any, weight: Any, bias: Any, after: str, *rest: Any) -> Any:
    found = LINEAR(x, weight, bias, "none", *rest)
    return torch.nn.functional.gelu(found, approximate="tanh") if after == "gelu" else found


def half_wrong(x: Any, weight: Any, *rest: Any) -> Any:
    found = LINEAR(x, weight, *rest)
    return found if x.dtype == torch.float32 else found * 1.1


LINEAR: Callable[..., Any] = real._linear_pointwise


@pytest.mark.parametrize("wrong", [raises, without_bias, tanh_gelu])
def test_operators_that_are_others_are_not_used(
    wrong: Any, anew: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(real, "_linear_pointwise", wrong)
    model, x = bert("gelu"), torch.ones(3, 8)
    plain = said(model)
    with caplog.at_level(logging.INFO):
        assert not onednn()
        quicken(model, 40)
        assert torch.equal(quick_linear(x, x), torch.nn.functional.linear(x, x))
    assert torch.equal(said(model), plain)
    assert joined_layers(model) == 0
    [line] = caplog.messages
    assert "oneDNN's operators are not what they were" in line
    assert "used for none" in line
    assert "\n" not in line


@pytest.mark.skipif(torch.bfloat16 not in right_types(), reason="the processor knows no bfloat16")
def test_each_type_is_probed(
    anew: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(real, "_linear_pointwise", half_wrong)
    assert right_types() == {torch.float32}
    assert "used for float32" in caplog.text


def test_the_probe_takes_no_random_numbers_and_is_made_once(
    anew: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = torch.random.get_rng_state()
    right_types()
    assert torch.equal(torch.random.get_rng_state(), before)
    monkeypatch.setattr(real, "_linear_pointwise", raises)
    assert onednn(), "known by now"
