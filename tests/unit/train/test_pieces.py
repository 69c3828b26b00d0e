"""A step in pieces has the gradient of one that is computed at once, dropout and all."""

from __future__ import annotations

import numpy as np
import pytest

from qa_bench.train import pieces as module
from qa_bench.train.pieces import HELD_TOKENS, held_tokens, in_pieces, pieces


def test_like_lengths_together_and_none_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PIECE_TOKENS", 20)
    lengths = np.array([3, 10, 4, 30, 10, 9])
    cut = pieces(lengths)
    assert sorted(np.concatenate(cut).tolist()) == list(range(6))
    assert [some.tolist() for some in cut] == [[3], [1, 4], [5, 2], [0]]


def test_what_is_computed_again_has_the_same_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(module, "PIECE_TOKENS", 8)
    torch.manual_seed(0)
    layer = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Dropout(0.5), torch.nn.Tanh())
    rows = torch.randn(7, 4)
    gradients, calls = [], []

    def forward(places: np.ndarray) -> torch.Tensor:
        calls.append(len(places))
        result: torch.Tensor = layer(rows[torch.from_numpy(places)])
        return result

    for held in (1 << 30, 8):
        layer.zero_grad()
        torch.manual_seed(1)
        outputs = in_pieces(forward, np.array([4, 4, 2, 4, 1, 4, 2]), held)
        torch.cat([one for _, one in outputs]).square().sum().backward()
        gradients.append(layer[0].weight.grad.clone())
        calls.append(0)
    assert gradients[0].equal(gradients[1])
    assert gradients[0].abs().max() > 0
    first, second = calls[: calls.index(0)], calls[calls.index(0) + 1 : -1]
    assert len(second) == 2 * len(first) - 1, "all but the first piece are computed again"


def test_a_small_model_holds_more() -> None:
    import torch
    from transformers import BertConfig, T5Config

    def model(config: object) -> torch.nn.Module:
        inner = torch.nn.Linear(1, 1)
        inner.config = config  # type: ignore[assignment]
        return torch.nn.Sequential(inner)

    assert held_tokens(model(BertConfig())) == HELD_TOKENS
    assert held_tokens(model(T5Config(num_layers=12, d_model=768))) == HELD_TOKENS
    small = BertConfig(num_hidden_layers=2, hidden_size=128, num_attention_heads=2)
    assert held_tokens(model(small)) == 36 * HELD_TOKENS
    assert held_tokens(torch.nn.Linear(1, 1)) == HELD_TOKENS
