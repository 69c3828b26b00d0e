"""Distillation: the model's distribution over a question's passages is the teacher's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from qa_bench.errors import UserError
from qa_bench.train.losses.batch import Batch, full_precision
from qa_bench.train.losses.similarities import SIMILARITIES

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Kl:
    """``T² · KL(softmax(t / T) ‖ softmax(s / T))`` over a question's own passages.

    Over those whose teacher's score is known; a question without two such adds 0. Source: Hinton
    et al. 2015, section 2 (temperature, and T² so that gradients keep their size); for retrieval
    Lin et al. 2020 (TCT-ColBERT), equation 3.

    Attributes:
        similarity: a name of ``SIMILARITIES``.
        scale: of the similarity: brings it to the units of the teacher's scores.
        temperature: T, of both sides.
    """

    similarity: str = "dot"
    scale: float = 1.0
    temperature: float = 1.0
    graded: ClassVar[bool] = True
    mined: ClassVar[bool] = True

    @full_precision
    def __call__(self, batch: Batch) -> Tensor:
        """The mean over questions.

        Raises:
            UserError: no question has teacher's scores of two passages.
        """
        teacher, graded = batch.grades()
        rows = graded.sum(1) > 1
        if not rows.any():
            raise UserError(
                "train.objective=kl: no example of the batch has a teacher's scores of two "
                "passages; of one there is nothing to learn"
            )
        scores = self.scale * SIMILARITIES[self.similarity](batch.questions, batch.passages)
        rest = ~graded[rows]
        pupil = _log_shares(scores[rows] / self.temperature, rest)
        master = _log_shares(teacher[rows] / self.temperature, rest)
        terms = (master.exp() * (master - pupil)).masked_fill(rest, 0.0)
        return terms.sum() * self.temperature**2 / len(scores)


def _log_shares(logits: Tensor, rest: Tensor) -> Tensor:
    """Logarithms of the softmax over what is not ``rest``; 0 there: no infinity in a gradient."""
    return logits.masked_fill(rest, float("-inf")).log_softmax(1).masked_fill(rest, 0.0)
