"""Matryoshka: a loss on the first dimensions alone too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qa_bench.errors import UserError
from qa_bench.train.losses.batch import Batch, Loss, full_precision

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Matryoshka:
    """``Σ weight(d) · loss(the first d dimensions)``.

    Source: Kusupati et al. 2022, equation 1; the sum is no mean. sentence-transformers cuts
    vectors, the whole ones too, to length 1 before any similarity (``normalize``). A search by dot
    product over cut vectors does not: without ``normalize`` what is trained is what is searched.
    With cosines the two are the same.

    Attributes:
        loss: of vectors of one size.
        sizes: numbers of dimensions; the whole one is among them only if it is named.
        weights: of each; none for 1.
        normalize: give cut vectors length 1.
    """

    loss: Loss
    sizes: tuple[int, ...]
    weights: tuple[float, ...] = ()
    normalize: bool = True

    @property
    def graded(self) -> bool:
        """As the loss inside."""
        return self.loss.graded

    @property
    def mined(self) -> bool:
        """As the loss inside."""
        return self.loss.mined

    @full_precision
    def __call__(self, batch: Batch) -> Tensor:
        """The weighted sum.

        Raises:
            UserError: vectors have fewer dimensions than one of ``sizes``.
        """
        whole = batch.questions.shape[-1]
        if max(self.sizes) > whole:
            raise UserError(
                f"train.matryoshka: at most the model's {whole} dimensions, got {max(self.sizes)}"
            )
        weights = self.weights or (1.0,) * len(self.sizes)
        total = batch.questions.new_zeros(())
        for size, weight in zip(self.sizes, weights, strict=True):
            questions, passages = self._cut(batch.questions, size), self._cut(batch.passages, size)
            cut = batch._replace(questions=questions, passages=passages)
            total = total + weight * self.loss(cut)
        return total

    def _cut(self, vectors: Tensor, size: int) -> Tensor:
        import torch

        first = vectors[:, :size]
        return torch.nn.functional.normalize(first, dim=-1) if self.normalize else first
