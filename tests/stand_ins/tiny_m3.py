"""A tiny random BGE-M3, as the real one lies on the hub, and what its authors make of texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tiny_models import make

HIDDEN, TOKENS = 32, 12


def save(folder: Path) -> Path:
    """The encoder of two layers with sentence-transformers' files, and the two heads."""
    import torch

    folder.mkdir()
    make("bge_m3", folder, folder)
    torch.manual_seed(5)
    for name, width in (("sparse_linear.pt", 1), ("colbert_linear.pt", TOKENS)):
        torch.save(torch.nn.Linear(HIDDEN, width).state_dict(), folder / name)
    return folder


def expected(folder: Path, text: str) -> tuple[Any, Any, dict[int, float]]:
    """Vector, vectors of tokens, and weights by term, by plain transformers.

    Source: FlagEmbedding's ``BGEM3Model``: [CLS]'s state; relu of a linear layer, the largest of
    each term but for marks; a linear layer without [CLS].
    """
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder).eval()
    heads = [
        torch.load(folder / f"{n}_linear.pt", weights_only=True) for n in ("sparse", "colbert")
    ]
    terms, tokens = (
        lambda x, head=head: torch.nn.functional.linear(x, head["weight"], head["bias"])
        for head in heads
    )
    with torch.inference_mode():
        ids = tokenizer(text)["input_ids"]
        states = model(input_ids=torch.tensor([ids])).last_hidden_state[0]
        weights: dict[int, float] = {}
        for term, weight in zip(ids, torch.relu(terms(states)).squeeze(-1).tolist(), strict=True):
            if term not in tokenizer.all_special_ids and weight > 0:
                weights[term] = max(weight, weights.get(term, 0.0))
        vectors = torch.nn.functional.normalize(tokens(states[1:]), dim=-1)
        return (states[0] / states[0].norm()).numpy(), vectors.numpy(), weights
