"""BGE-M3's self-distillation: three heads learn from their sum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from qa_bench.train.losses.batch import full_precision
from qa_bench.train.losses.nll import nll

if TYPE_CHECKING:
    from torch import Tensor


class Heads(NamedTuple):
    """Three heads' scores of Q questions and P passages.

    Attributes:
        dense: by the two texts' vectors; float (Q, P). Column q is question q's positive.
        sparse: by weights of terms; float (Q, P).
        multi: by vectors of tokens; float (Q, P).
        own: a question's own positive and its own mined negatives; bool (Q, P).
        masked: what takes no part for a question; bool (Q, P).
    """

    dense: Tensor
    sparse: Tensor
    multi: Tensor
    own: Tensor
    masked: Tensor


@dataclass(frozen=True)
class M3Distillation:
    """The mean of ``L`` and ``L'``, of three heads' scores s, each times ``scale``.

    - the teacher: ``s_inter = w₁ s_dense + w₂ s_sparse + w₃ s_multi``
    - ``L = (λ₁ L_dense + λ₂ L_sparse + λ₃ L_multi + L_inter) / 4``, each ``Nll``'s
    - ``L' = (λ₁ L'_dense + λ₂ L'_sparse + λ₃ L'_multi) / 3``, where ``L'_h`` is the cross entropy
      ``-Σ p_inter log p_h`` of the softmax over passages; the teacher gets no gradient

    Source: Chen et al. 2024 (M3-Embedding), section 3.3, with its w = 1, 0.3, 1 and λ = 1, 0.1, 1,
    and a temperature of 0.02; the authors' code takes the scaled scores for the sum too.

    Attributes:
        scale: of all scores; 1 / temperature.
        in_batch: passages of other questions are negatives too.
        parts: w, of the heads' scores in the teacher's.
        weights: λ, of the heads' losses.
        distil: False for L alone, the ablation without self-distillation.
    """

    scale: float = 50.0
    in_batch: bool = True
    parts: tuple[float, float, float] = (1.0, 0.3, 1.0)
    weights: tuple[float, float, float] = (1.0, 0.1, 1.0)
    distil: bool = True

    @full_precision
    def __call__(self, heads: Heads) -> Tensor:
        """The mean over questions."""
        import torch

        negatives = ~heads.masked if self.in_batch else heads.own & ~heads.masked
        scores = self.scale * torch.stack([heads.dense, heads.sparse, heads.multi])
        parts, weights = scores.new_tensor(self.parts), scores.new_tensor(self.weights)
        inter = (parts[:, None, None] * scores).sum(0)
        alone = torch.stack([nll(head, negatives).mean() for head in scores])
        plain = ((weights * alone).sum() + nll(inter, negatives).mean()) / 4
        if not self.distil:
            return plain
        rest = ~negatives.clone().fill_diagonal_(True)
        teacher = inter.detach().masked_fill(rest, float("-inf")).softmax(1)
        pupils = scores.masked_fill(rest, float("-inf")).log_softmax(2).masked_fill(rest, 0.0)
        crossed = -(teacher * pupils).sum(2).mean(1)
        return (plain + (weights * crossed).sum() / 3) / 2


def late_interaction(
    questions: Tensor, question_tokens: Tensor, passages: Tensor, passage_tokens: Tensor
) -> Tensor:
    """ColBERT's similarity as BGE-M3 takes it: the mean over a question's tokens of the best dot.

    Args:
        questions: float (Q, tokens, dimension).
        question_tokens: which of them are no padding; bool (Q, tokens), one a question at least.
        passages: float (P, tokens, dimension).
        passage_tokens: which of them are no padding; bool (P, tokens), one a passage at least.

    Returns:
        float (Q, P).
    """
    import torch

    rest = ~passage_tokens[:, None, :]
    scores = []
    for question, tokens in zip(questions, question_tokens, strict=True):
        products = (question[tokens] @ passages.transpose(1, 2)).masked_fill(rest, float("-inf"))
        scores.append(products.amax(2).mean(1))
    return torch.stack(scores)


def lexical(
    question_terms: Tensor, question_weights: Tensor, passage_terms: Tensor, passage_weights: Tensor
) -> Tensor:
    """BGE-M3's similarity by terms: the sum over shared ones of the products of their weights.

    A term weighs as much as its heaviest token. Never an array of the vocabulary's size a text.

    Args:
        question_terms: ids of tokens; int64 (Q, tokens).
        question_weights: 0 or more, 0 of padding and marks; float (Q, tokens).
        passage_terms: int64 (P, tokens).
        passage_weights: float (P, tokens).

    Returns:
        float (Q, P).
    """
    import torch

    counts = [question_terms.numel(), passage_terms.numel()]
    flat = torch.cat([question_terms.flatten(), passage_terms.flatten()])
    terms, places = torch.unique(flat, return_inverse=True)
    tables = []
    for ids, weights in zip(places.split(counts), (question_weights, passage_weights), strict=True):
        table = weights.new_zeros((len(weights), len(terms)))
        tables.append(table.scatter_reduce(1, ids.view(weights.shape), weights, "amax"))
    return tables[0] @ tables[1].T
