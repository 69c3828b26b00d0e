"""Margin-MSE: the distance of two passages' scores is the teacher's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from qa_bench.errors import UserError
from qa_bench.train.losses.batch import Batch, full_precision, mean_of
from qa_bench.train.losses.similarities import SIMILARITIES

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class MarginMse:
    """``((s⁺ - s⁻) - (t⁺ - t⁻))²``, a mean over a question's negatives, then over questions.

    Over the question's own passages whose teacher's score is known; a question without two such
    adds 0. Source: Hofstätter et al. 2020, equation 3, with dot products.

    Attributes:
        similarity: a name of ``SIMILARITIES``.
        scale: of the similarity: brings it to the units of the teacher's scores.
    """

    similarity: str = "dot"
    scale: float = 1.0
    graded: ClassVar[bool] = True
    mined: ClassVar[bool] = True

    @full_precision
    def __call__(self, batch: Batch) -> Tensor:
        """The mean over questions.

        Raises:
            UserError: no question has teacher's scores of its positive and of a negative.
        """
        teacher, graded = batch.grades()
        negatives = graded & graded.diagonal()[:, None]
        negatives = negatives.clone().fill_diagonal_(False)
        if not negatives.any():
            raise UserError(
                "train.objective=margin_mse: no example of the batch has a teacher's scores of its "
                "positive and of a negative"
            )
        scores = self.scale * SIMILARITIES[self.similarity](batch.questions, batch.passages)
        errors = _margins(scores) - _margins(teacher)
        return mean_of(errors**2, negatives)


def _margins(scores: Tensor) -> Tensor:
    """By how much the positive's score is above each passage's; (Q, P)."""
    return scores.diagonal()[:, None] - scores
