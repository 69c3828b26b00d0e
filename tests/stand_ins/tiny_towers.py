"""Bases for towers: tiny random encoders, and what one step of training moves in two of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tiny_models import bert, make

QUESTIONS = ["the king of what?", "is it the one", "who"]
PASSAGES = ["The king is the one of things, the being of all.", "It is.", "Of the many (12) kings!"]


def plain_bert(folder: Path, seed: int = 0, hidden: int = 32) -> Path:
    """An encoder as transformers writes it, with BERT's own pooler."""
    import torch

    torch.manual_seed(seed)
    model, tokenizer = bert(hidden)()
    model.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def stand_in(name: str, folder: Path) -> Path:
    """The stand-in of a named encoder, with the files of sentence-transformers it has."""
    folder.mkdir(parents=True)
    make(name, folder, folder)
    return folder


def vectors(towers: Any) -> tuple[Any, Any]:
    """Vectors of the questions and of the passages, as they come out of evaluation."""
    import torch

    towers.eval()
    with torch.inference_mode():
        return tuple(
            towers.encode(side, towers.preprocess(side, texts))
            for side, texts in (("question", QUESTIONS), ("passage", PASSAGES))
        )


def step(towers: Any, rate: float = 0.1) -> None:
    """One step of plain descent on in-batch negatives, without dropout."""
    import torch

    towers.eval()
    towers.zero_grad()
    questions, passages = (
        towers.encode(side, towers.preprocess(side, texts))
        for side, texts in (("question", QUESTIONS), ("passage", PASSAGES))
    )
    scores = questions @ passages.T
    torch.nn.functional.cross_entropy(scores, torch.arange(len(scores))).backward()
    with torch.no_grad():
        for weight in towers.parameters():
            if weight.grad is not None:
                weight -= rate * weight.grad
