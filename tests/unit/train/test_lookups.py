"""Gradients of embeddings that are collected over a step are those that each look-up would give."""

from __future__ import annotations

from typing import Any

import torch

from qa_bench.train.lookups import collected


class Words(torch.nn.Module):
    """Embeddings of words, positions and frozen kinds; the words' weight is used once more."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.words = torch.nn.Embedding(11, 4, padding_idx=0)
        self.words.weight.data[0] = 0.5
        self.places = torch.nn.Embedding(5, 4)
        self.kinds = torch.nn.Embedding(2, 4)
        self.kinds.weight.requires_grad_(False)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        places = torch.arange(ids.shape[1])
        states = self.words(ids) + self.places(places) + self.kinds(ids % 2)
        return torch.tanh(states) @ self.words.weight.T


def gradients(model: Words, pieces: list[torch.Tensor], collect: bool) -> dict[str, Any]:
    model.zero_grad()

    def backward() -> None:
        for piece in pieces:
            (model(piece) + 1).square().sum().backward()

    if collect:
        with collected(model):
            backward()
    else:
        backward()
    return {name: weight.grad for name, weight in model.named_parameters()}


def test_the_same_gradients() -> None:
    model, random = Words(), torch.Generator().manual_seed(1)
    pieces = [torch.randint(11, (3, size), generator=random) for size in (5, 2, 4)]
    plain, ours = (gradients(model, pieces, collect) for collect in (False, True))
    assert plain.pop("kinds.weight") is ours.pop("kinds.weight") is None
    for name, gradient in plain.items():
        torch.testing.assert_close(ours[name], gradient, rtol=1e-6, atol=1e-6)
    assert ours["words.weight"][0].abs().sum() > 0, "of padding, what the product gives"
    assert "forward" not in vars(model.words), "it is as it was"


def test_what_no_step_looks_up_has_none() -> None:
    model = Words()
    with collected(model):
        pass
    assert model.words.weight.grad is None
    with torch.no_grad(), collected(model):
        model(torch.ones(1, 2, dtype=torch.long))
    assert model.words.weight.grad is None
