"""Losses by name, made of settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from qa_bench.errors import UserError
from qa_bench.settings import flag, number, one_of, whole_numbers
from qa_bench.train.losses.batch import Loss
from qa_bench.train.losses.cosent import CoSent
from qa_bench.train.losses.kl import Kl
from qa_bench.train.losses.m3 import M3Distillation
from qa_bench.train.losses.margin_mse import MarginMse
from qa_bench.train.losses.matryoshka import Matryoshka
from qa_bench.train.losses.nll import Nll
from qa_bench.train.losses.piccolo2 import piccolo2
from qa_bench.train.losses.simcse import SimCse
from qa_bench.train.losses.similarities import SCALES, SIMILARITIES
from qa_bench.train.losses.triplet import Triplet


@dataclass(frozen=True)
class LossSettings:
    """Which loss, and how; a setting that the loss does not look at must be null.

    Attributes:
        objective: a name of ``LOSSES``.
        similarity: dot, cosine or l2; None for the loss' own.
        scale: of the similarity; None for the loss' own.
        in_batch: whether passages of other questions are negatives; None for the loss' own.
        margin: of ``triplet``; None for 1.
        temperature: of ``kl``; None for 1.
        matryoshka: numbers of dimensions that the loss is taken of too; None for the whole alone.
        matryoshka_weights: of each; None for 1.
        matryoshka_normalize: give cut vectors length 1, as sentence-transformers does.
    """

    objective: str = "contrastive"
    similarity: str | None = None
    scale: float | None = None
    in_batch: bool | None = None
    margin: float | None = None
    temperature: float | None = None
    matryoshka: Sequence[int] | None = None
    matryoshka_weights: Sequence[float] | None = None
    matryoshka_normalize: bool = False

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            UserError: one is out of range, or has nothing to do with the loss.
        """
        one_of("train.objective", self.objective, LOSSES)
        one_of("train.similarity", self.similarity, (None, *SIMILARITIES))
        number("train.scale", self.scale, above=0, optional=True)
        flag("train.in_batch", self.in_batch, optional=True)
        number("train.margin", self.margin, 0, optional=True)
        number("train.temperature", self.temperature, above=0, optional=True)
        flag("train.matryoshka_normalize", self.matryoshka_normalize)
        for name in ("similarity", "scale", "in_batch", "margin", "temperature"):
            if getattr(self, name) is not None and name not in LOSSES[self.objective].settings:
                raise UserError(
                    f"train.{name}: null for train.objective={self.objective}, which does not look "
                    f"at it, got '{getattr(self, name)}'"
                )
        self._check_matryoshka()

    def looks_at(self, name: str) -> bool:
        """Whether a setting, such as ``similarity``, means something to the loss."""
        return name in LOSSES[self.objective].settings

    def _check_matryoshka(self) -> None:
        weights = self.matryoshka_weights
        if self.matryoshka is None:
            if weights is not None:
                raise UserError("train.matryoshka_weights: null without train.matryoshka")
            return
        sizes = whole_numbers("train.matryoshka", self.matryoshka)
        if len(set(sizes)) < len(sizes):
            raise UserError(f"train.matryoshka: each size once, got '{sizes}'")
        if LOSSES[self.objective].of_scores:
            raise UserError(f"train.matryoshka: null for train.objective={self.objective}")
        for weight in weights or ():
            number("train.matryoshka_weights", weight, above=0)
        if weights is not None and len(weights) != len(sizes):
            raise UserError(
                f"train.matryoshka_weights: one for each of the {len(sizes)} sizes of "
                f"train.matryoshka, got {len(weights)}"
            )


@dataclass(frozen=True)
class Entry:
    """A loss that has a name.

    Attributes:
        make: gives the loss of the settings that are not null.
        settings: those that it looks at.
        scaled: whether, where no scale is named, it takes the similarity's of ``SCALES``.
        of_scores: whether it is a function of scores (``Heads``), not of vectors (``Batch``).
    """

    make: Any
    settings: frozenset[str]
    scaled: bool = False
    of_scores: bool = False


_COMMON = frozenset({"similarity", "scale"})
_OF_SCORES = frozenset({"scale", "in_batch"})

LOSSES: dict[str, Entry] = {
    "contrastive": Entry(Nll, _COMMON | {"in_batch"}, scaled=True),
    "triplet": Entry(Triplet, _COMMON | {"in_batch", "margin"}),
    "margin_mse": Entry(MarginMse, _COMMON),
    "kl": Entry(Kl, _COMMON | {"temperature"}, scaled=True),
    "cosent": Entry(CoSent, _COMMON, scaled=True),
    "simcse": Entry(SimCse, _COMMON | {"in_batch"}, scaled=True),
    "ict": Entry(Nll, _COMMON | {"in_batch"}, scaled=True),
    "simcse_passages": Entry(SimCse, _COMMON | {"in_batch"}, scaled=True),
    "piccolo2": Entry(piccolo2, _COMMON | {"in_batch"}),
    "m3_distillation": Entry(M3Distillation, _OF_SCORES, of_scores=True),
    "m3_heads": Entry(partial(M3Distillation, distil=False), _OF_SCORES, of_scores=True),
}
"""Losses by the name that ``train.objective`` has."""


def loss_of(settings: LossSettings) -> Loss:
    """The loss that the settings mean, a function of ``Batch``.

    Raises:
        UserError: it is one of scores.
    """
    entry = LOSSES[settings.objective]
    if entry.of_scores:
        raise UserError(
            f"train.objective={settings.objective} needs a model of three heads (retriever=m3), "
            "not one vector a text"
        )
    loss = entry.make(**_values(settings, entry))
    if settings.matryoshka is None:
        return loss  # type: ignore[no-any-return]
    return Matryoshka(
        loss,
        tuple(settings.matryoshka),
        tuple(settings.matryoshka_weights or ()),
        settings.matryoshka_normalize,
    )


def scores_loss_of(settings: LossSettings) -> M3Distillation:
    """The loss that the settings mean, a function of ``Heads``."""
    entry = LOSSES[settings.objective]
    return entry.make(**_values(settings, entry))  # type: ignore[no-any-return]


def _values(settings: LossSettings, entry: Entry) -> dict[str, Any]:
    """The settings that the loss looks at and that are no null."""
    values = {
        name: value for name in entry.settings if (value := getattr(settings, name)) is not None
    }
    if entry.scaled and "scale" not in values:
        values["scale"] = SCALES[values.get("similarity", entry.make.similarity)]
    return values
