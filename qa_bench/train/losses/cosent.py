"""CoSENT: pairs are ordered as their labels are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from qa_bench.errors import UserError
from qa_bench.train.losses.batch import Batch, full_precision
from qa_bench.train.losses.similarities import SIMILARITIES

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class CoSent:
    """``log(1 + Σ exp(s_j - s_i))`` over all pairs i, j of the batch with label i above label j.

    A pair is a question and one of its own passages; its label is the teacher's score, and labels
    of different questions are compared. The value is of the whole batch, no mean over questions.
    Source: Huang et al. 2024, after Su 2022; in Piccolo2 (Huang et al. 2024) for pairs with graded
    labels.

    Attributes:
        similarity: a name of ``SIMILARITIES``.
        scale: of the similarity.
    """

    similarity: str = "cosine"
    scale: float = 20.0
    graded: ClassVar[bool] = True
    mined: ClassVar[bool] = False

    @full_precision
    def __call__(self, batch: Batch) -> Tensor:
        """The loss of the batch.

        Raises:
            UserError: no pair has a label.
        """
        import torch

        labels, graded = batch.grades()
        if not graded.any():
            raise UserError("train.objective=cosent: no pair of the batch has a label (a score)")
        labels = labels[graded]
        similarities = SIMILARITIES[self.similarity](batch.questions, batch.passages)
        scores = self.scale * similarities[graded]
        above = labels[:, None] > labels[None, :]
        misses = (scores[None, :] - scores[:, None])[above]
        return torch.cat([misses.new_zeros(1), misses]).logsumexp(0)
