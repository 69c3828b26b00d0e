"""What a loss is a function of, and what a loss is."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

Of = TypeVar("Of", bound=tuple[Any, ...])
Self = TypeVar("Self")


class Batch(NamedTuple):
    """Vectors of Q questions and P passages, P >= Q, and what is known of each pair.

    Attributes:
        questions: float (Q, dimension).
        passages: float (P, dimension): row q is question q's positive for q < Q; then come the
            mined negatives of all questions.
        own: a question's own positive and its own mined negatives; bool (Q, P).
        masked: what takes no part for a question: another positive of its, or a passage that holds
            an answer. A question's own positive always takes part; bool (Q, P).
        teacher: a teacher's scores, or graded labels, nan where there are none; float (Q, P).
            None: there are none at all.
        task: what kind of examples these are, where a loss goes by it (``piccolo2``).
    """

    questions: Tensor
    passages: Tensor
    own: Tensor
    masked: Tensor
    teacher: Tensor | None = None
    task: str | None = None

    def negatives(self, in_batch: bool) -> Tensor:
        """Which passages a question's positive is set against; bool (Q, P).

        Args:
            in_batch: all of the batch, not only the question's own.
        """
        part = ~self.masked if in_batch else self.own & ~self.masked
        return part.clone().fill_diagonal_(False)

    def grades(self) -> tuple[Tensor, Tensor]:
        """The teacher's scores of the questions' own passages.

        Returns:
            Scores, 0 where there is none, so that no nan reaches a gradient; float (Q, P). Which of
            them count; bool (Q, P).
        """
        if self.teacher is None:
            return self.questions.new_zeros(self.own.shape), self.own & False
        part = ~self.masked
        graded = self.own & part.fill_diagonal_(True) & ~self.teacher.isnan()
        return self.teacher.masked_fill(~graded, 0.0).to(self.questions.dtype), graded


class Loss(Protocol):
    """A loss, by which a model learns.

    Attributes:
        graded: whether it learns from a teacher's scores: examples must have them.
        mined: whether it learns from a question's own negatives alone: examples must have them.
    """

    @property
    def graded(self) -> bool:
        """See above."""
        ...

    @property
    def mined(self) -> bool:
        """See above."""
        ...

    def __call__(self, batch: Batch, /) -> Tensor:
        """A scalar: the mean over the batch's questions, unless the loss says otherwise."""
        ...


def full_precision(call: Callable[[Self, Of], Tensor]) -> Callable[[Self, Of], Tensor]:
    """A loss' ``__call__`` in float32 at least, whatever precision the vectors were made in.

    Scores of about 100 are known to 0.5 in bfloat16: differences that losses are made of would be
    lost. Under autocast products would be rounded to it again.
    """

    @wraps(call)
    def widened(self: Self, batch: Of) -> Tensor:
        import torch

        def wide(part: Any) -> Any:
            short = getattr(part, "dtype", None) in (torch.bfloat16, torch.float16)
            return part.float() if short else part

        with torch.autocast(batch[0].device.type, enabled=False):
            return call(self, type(batch)(*map(wide, batch)))

    return widened


def mean_of(values: Tensor, part: Tensor) -> Tensor:
    """The mean over questions of the means over the passages that take part.

    A question without any counts as 0, so that the mean over several processes is that of all their
    questions, wherever such a question happens to be.

    Args:
        values: finite; float (Q, P).
        part: bool (Q, P).

    Returns:
        A scalar.
    """
    sums = values.masked_fill(~part, 0.0).sum(1)
    return (sums / part.sum(1).clamp(min=1)).mean()
