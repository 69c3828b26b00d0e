"""DPR's loss: which of the passages is the question's positive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from qa_bench.train.losses.batch import Batch, full_precision
from qa_bench.train.losses.similarities import SIMILARITIES

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Nll:
    """Negative log-likelihood of the positive: ``-log exp(s⁺) / (exp(s⁺) + Σ exp(s⁻))``.

    ``s`` is ``scale`` times the similarity; the sum is over the positives of the other questions
    and all mined negatives of the batch, or over the question's own negatives. A question without
    a negative adds 0.

    Source: Karpukhin et al. 2020, equation 2, with dot products and a scale of 1; the same as
    InfoNCE (van den Oord et al. 2018) with a temperature of 1 / scale.

    Attributes:
        similarity: a name of ``SIMILARITIES``.
        scale: of the similarity; 1 / temperature.
        in_batch: passages of other questions are negatives too.
    """

    similarity: str = "dot"
    scale: float = 1.0
    in_batch: bool = True
    graded: ClassVar[bool] = False

    @property
    def mined(self) -> bool:
        """Whether the question's own negatives are all that it learns from."""
        return not self.in_batch

    @full_precision
    def __call__(self, batch: Batch) -> Tensor:
        """The mean over questions."""
        scores = self.scale * SIMILARITIES[self.similarity](batch.questions, batch.passages)
        return nll(scores, batch.negatives(self.in_batch)).mean()


def nll(scores: Tensor, negatives: Tensor) -> Tensor:
    """Each question's negative log-likelihood of its positive, that in column q of row q.

    Args:
        scores: float (Q, P).
        negatives: which passages are summed over beside it; bool (Q, P).

    Returns:
        float (Q,).
    """
    part = negatives.clone().fill_diagonal_(True)
    return -scores.masked_fill(~part, float("-inf")).log_softmax(1).diagonal()
