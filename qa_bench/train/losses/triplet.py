"""The triplet loss: the positive is nearer than each negative, by a margin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from qa_bench.train.losses.batch import Batch, full_precision, mean_of
from qa_bench.train.losses.similarities import SIMILARITIES

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Triplet:
    """``max(0, margin - s⁺ + s⁻)``, a mean over a question's negatives, then over questions.

    A question without a negative adds 0. Source: Burges et al. 2005, as Karpukhin et al. 2020 take
    it in appendix B, with a margin of 1 ("L2" is minus the squared distance here, as in Schroff et
    al. 2015; sentence-transformers' TripletLoss takes the distance and a margin of 5).

    Attributes:
        similarity: a name of ``SIMILARITIES``.
        scale: of the similarity.
        margin: by which a positive should be nearer, in units of the scaled similarity.
        in_batch: passages of other questions are negatives too.
    """

    similarity: str = "dot"
    scale: float = 1.0
    margin: float = 1.0
    in_batch: bool = False
    graded: ClassVar[bool] = False

    @property
    def mined(self) -> bool:
        """Whether the question's own negatives are all that it learns from."""
        return not self.in_batch

    @full_precision
    def __call__(self, batch: Batch) -> Tensor:
        """The mean over questions."""
        scores = self.scale * SIMILARITIES[self.similarity](batch.questions, batch.passages)
        misses = (self.margin - scores.diagonal()[:, None] + scores).relu()
        return mean_of(misses, batch.negatives(self.in_batch))
