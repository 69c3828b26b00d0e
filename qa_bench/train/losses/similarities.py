"""How near a question's vector and a passage's are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qa_bench.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

Similarity = Callable[["Tensor", "Tensor"], "Tensor"]


def dot(questions: Tensor, passages: Tensor) -> Tensor:
    """The dot product of each pair, q · p; (Q, d), (P, d) -> (Q, P)."""
    _check(questions, passages)
    return questions @ passages.T


def cosine(questions: Tensor, passages: Tensor) -> Tensor:
    """The cosine of each pair, q · p / (|q| |p|); (Q, d), (P, d) -> (Q, P)."""
    import torch

    _check(questions, passages)
    normalize = torch.nn.functional.normalize
    return normalize(questions, dim=-1) @ normalize(passages, dim=-1).T


def l2(questions: Tensor, passages: Tensor) -> Tensor:
    """Minus the squared Euclidean distance of each pair; (Q, d), (P, d) -> (Q, P).

    Computed as -|q|² + 2 q · p - |p|², and never above 0. Over all passages it orders as the
    distance itself does; unlike that, its gradient is finite where the two are equal.
    """
    _check(questions, passages)
    squares = (questions**2).sum(-1)[:, None] + (passages**2).sum(-1)[None, :]
    return -(squares - 2 * questions @ passages.T).clamp(min=0)


def _check(questions: Tensor, passages: Tensor) -> None:
    """Both towers make vectors of one size."""
    if questions.shape[-1] != passages.shape[-1]:
        raise UserError(
            f"questions have {questions.shape[-1]} dimensions, passages {passages.shape[-1]}: the "
            "two towers must make vectors of one size"
        )


SIMILARITIES: dict[str, Similarity] = {"dot": dot, "cosine": cosine, "l2": l2}
"""Similarities by the name that ``train.similarity`` has."""

SCALES = {"dot": 1.0, "cosine": 20.0, "l2": 1.0}
"""What a softmax over them is scaled by where nothing else is said. Over cosines, from -1 to 1, one
would be flat: 20, a temperature of 0.05, is what sentence-transformers and SimCSE take."""
