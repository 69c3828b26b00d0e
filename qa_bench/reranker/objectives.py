"""What a cross-encoder is taught: a question's passages by themselves, side by side, or a teacher.

Each is a function of scores alone; (questions, passages) with the question's positive first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


class ScoreTable(NamedTuple):
    """The scores of a batch's passages, question by question.

    Attributes:
        scores: what the model gives; float32 (questions, passages), the positive in column 0.
        exists: where there is a passage, as questions may have fewer; bool, likewise.
        teacher: the file's scores, likewise; anything where there is no passage.
    """

    scores: Tensor
    exists: Tensor
    teacher: Tensor


class Objective(NamedTuple):
    """A way to teach.

    Attributes:
        loss: the loss of a batch, a scalar.
        contrasts: whether a question without negatives teaches nothing.
        distils: whether it learns the file's scores.
    """

    loss: Callable[[ScoreTable], Tensor]
    contrasts: bool
    distils: bool


def binary(table: ScoreTable) -> Tensor:
    """Is this passage relevant? Binary cross entropy, a mean over all pairs of the batch.

    Source: Nogueira and Cho 2019, Passage Re-ranking with BERT (monoBERT; there a sum).
    """
    import torch

    labels = torch.zeros_like(table.scores)
    labels[:, 0] = 1
    exists = table.exists
    return torch.nn.functional.binary_cross_entropy_with_logits(
        table.scores[exists], labels[exists]
    )


def listwise(table: ScoreTable) -> Tensor:
    """Which of these passages is the positive? -log softmax of it, a mean over the questions.

    Source: Gao, Dai and Callan 2021, Rethink training of BERT rerankers in multi-stage retrieval
    pipeline (localized contrastive estimation).
    """
    return -_log_shares(table.scores, table.exists)[:, 0].mean()


def margin_mse(table: ScoreTable) -> Tensor:
    """The teacher's distance of the positive from each negative; a mean over all negatives.

    Source: Hofstätter et al. 2020, Improving efficient neural ranking models with
    cross-architecture knowledge distillation (Margin-MSE).
    """
    errors = _margins(table.scores) - _margins(table.teacher)
    return errors[table.exists[:, 1:]].square().mean()


def kl(table: ScoreTable) -> Tensor:
    """KL divergence of the softmax over a question's passages from the teacher's; a mean.

    Source: Hinton, Vinyals and Dean 2015, Distilling the knowledge in a neural network, at
    temperature 1.
    """
    theirs = _log_shares(table.teacher, table.exists)
    ours = _log_shares(table.scores, table.exists)
    differences = (theirs - ours).masked_fill(~table.exists, 0.0)  # where both are -inf
    return (theirs.exp() * differences).sum(1).mean()


def _margins(scores: Tensor) -> Tensor:
    return scores[:, :1] - scores[:, 1:]


def _log_shares(scores: Tensor, exists: Tensor) -> Tensor:
    return scores.masked_fill(~exists, float("-inf")).log_softmax(1)


OBJECTIVES = {
    "list": Objective(listwise, contrasts=True, distils=False),
    "binary": Objective(binary, contrasts=False, distils=False),
    "margin_mse": Objective(margin_mse, contrasts=True, distils=True),
    "kl": Objective(kl, contrasts=True, distils=True),
}
"""Objectives by the name that ``train.objective`` has; the first is taken where none is named."""
