"""What the two towers of a bi-encoder have in common while it is trained.

Source: Dong et al. 2022, Exploring Dual Encoder Architectures for Question Answering (EMNLP),
section 2, figure 1. ``ade_fpe`` is ``ade_fte`` at the other end: a projection that is never
trained, so that what ``ade_spl`` gains by sharing one can be told from having any.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

TOKENS, PROJECTION = "tokens", "projection"
"""The parts of a tower that a scheme may name: token embeddings, and the layers behind pooling."""


@dataclass(frozen=True)
class Sharing:
    """A scheme.

    Attributes:
        siamese: there is one tower, for both sides.
        shared: the part that both towers have in common; None for none.
        frozen: the part of each tower that stays as it begins; None for none.
    """

    siamese: bool = False
    shared: str | None = None
    frozen: str | None = None

    @property
    def projects(self) -> bool:
        """Whether it means nothing to a tower without a projection."""
        return PROJECTION in (self.shared, self.frozen)


SCHEMES: Mapping[str, Sharing] = {
    "sde": Sharing(siamese=True),
    "ade": Sharing(),
    "ade_ste": Sharing(shared=TOKENS),
    "ade_fte": Sharing(frozen=TOKENS),
    "ade_fpe": Sharing(frozen=PROJECTION),
    "ade_spl": Sharing(shared=PROJECTION),
}
"""The values of ``train.sharing``."""
