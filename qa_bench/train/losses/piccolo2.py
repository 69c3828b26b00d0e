"""Piccolo2's hybrid: a batch of one task takes that task's loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qa_bench.errors import UserError
from qa_bench.train.losses.batch import Batch, Loss
from qa_bench.train.losses.cosent import CoSent
from qa_bench.train.losses.nll import Nll
from qa_bench.train.losses.similarities import SCALES

if TYPE_CHECKING:
    from torch import Tensor

_SCALES = {**SCALES, "cosine": 100.0}
"""Its temperature is 0.01."""
TASKS = ("retrieval", "pairs", "classes")
"""Questions with passages; pairs with graded labels; texts of a class against those of others."""


@dataclass(frozen=True)
class Hybrid:
    """The loss of the batch's ``task``, times its weight.

    Attributes:
        losses: of each task, with its weight.
    """

    losses: Mapping[str, tuple[Loss, float]]

    @property
    def graded(self) -> bool:
        """No: only the examples of some tasks have labels."""
        return False

    @property
    def mined(self) -> bool:
        """No: only the examples of some tasks have negatives of their own."""
        return False

    def __call__(self, batch: Batch) -> Tensor:
        """The loss of one task.

        Raises:
            UserError: the batch is of no task that has a loss.
        """
        if batch.task is None or batch.task not in self.losses:
            names = ", ".join(self.losses)
            raise UserError(
                f"a batch of task '{batch.task}': there are losses for {names}: train.tasks makes "
                "examples of those"
            )
        loss, weight = self.losses[batch.task]
        return weight * loss(batch)


def piccolo2(
    similarity: str = "cosine", scale: float | None = None, in_batch: bool = True
) -> Hybrid:
    """The losses and weights of Piccolo2's code, and with cosines its temperature of 0.01.

    Source: Huang et al. 2024 (Piccolo2), section 3.2: InfoNCE for retrieval, CoSENT for graded
    pairs (times 0.04), and for classification and clustering InfoNCE over a text's own negatives
    (times 0.2), since most texts of a batch may be of its class.
    """
    scale = _SCALES[similarity] if scale is None else scale
    return Hybrid(
        {
            "retrieval": (Nll(similarity, scale, in_batch), 1.0),
            "pairs": (CoSent(similarity, scale), 0.04),
            "classes": (Nll(similarity, scale, in_batch=False), 0.2),
        }
    )
