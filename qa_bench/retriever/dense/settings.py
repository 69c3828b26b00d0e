"""How bi-encoders are trained: the settings under ``train`` beside those of every training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from qa_bench.errors import UserError
from qa_bench.models.sharing import SCHEMES
from qa_bench.retriever.dense.lessons import Choice
from qa_bench.runtime.estimates import PASSAGE_TOKENS, QUESTION_TOKENS
from qa_bench.settings import flag, number, one_of, strings, whole_number
from qa_bench.train.loop import Settings
from qa_bench.train.losses.piccolo2 import TASKS
from qa_bench.train.losses.table import LossSettings

_CHOICE = {"from": "hard", "skip": 0, "sampled": False}
_THEMSELVES = frozenset({"simcse", "simcse_passages"})
"""Objectives whose positive is a question's own text where there is none, as the same side."""
_OF_PASSAGES = frozenset({"ict", "simcse_passages"})
"""Objectives whose examples are made of the line's passages."""
_OF_SOME = {
    "keep": ("ict",),
    "mask": (),
    "decoder_mask": (),
    "tasks": ("piccolo2", "contrastive"),
}
"""Settings that only some objectives here look at, and those."""
_BY_TASK = frozenset({"piccolo2"})
"""Objectives whose batches are of one task."""


@dataclass(frozen=True)
class BiEncoderSettings(LossSettings, Settings):
    """How a bi-encoder is trained; see ``Settings`` and ``LossSettings`` for the rest.

    Attributes:
        batch: questions a step.
        learning_rate: its peak.
        negatives: mined passages beside each positive.
        choose: which of them, see ``Choice``: ``from``, ``skip``, ``sampled``.
        distinct: no two questions of one gold passage in a batch.
        mask_answers: a passage that holds an answer of a question is none of its negatives.
        sharing: what the two towers have in common, see ``models.sharing``.
        projection: dimension of a new linear layer behind pooling; None for none.
        cache: texts that are encoded at once, by gradient caching; None for all in one pass.
        keep: of objective ict, how often a sentence stays in its passage; None for 0.1.
        mask: of objectives that hide words, see ``passages``; None here.
        decoder_mask: as ``mask``.
        tasks: what examples are made of each question, see ``train.tasks``; None for those of the
            files.
    """

    later: ClassVar[Mapping[str, Any]] = {"tasks": None}

    batch: int = 32
    learning_rate: float = 2e-5
    negatives: int = 1
    choose: Mapping[str, Any] = field(default_factory=_CHOICE.copy)
    distinct: bool = True
    mask_answers: bool = False
    sharing: str = "sde"
    projection: int | None = None
    cache: int | None = None
    keep: float | None = None
    mask: float | None = None
    decoder_mask: float | None = None
    tasks: Sequence[str] | None = None

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            UserError: one is out of range, or there would be nothing to tell a positive from.
        """
        Settings.__post_init__(self)
        LossSettings.__post_init__(self)
        one_of("train.sharing", self.sharing, SCHEMES)
        flag("train.distinct", self.distinct)
        flag("train.mask_answers", self.mask_answers)
        whole_number("train.projection", self.projection, optional=True)
        whole_number("train.cache", self.cache, optional=True)
        number("train.keep", self.keep, 0, 1, optional=True)
        for name, objectives in _OF_SOME.items():
            if getattr(self, name) is not None and self.objective not in objectives:
                raise UserError(
                    f"train.{name}: null for train.objective={self.objective}, which does not look "
                    f"at it, got '{getattr(self, name)}'"
                )
        if not isinstance(self.choose, Mapping) or not set(self.choose) <= set(_CHOICE):
            raise UserError(f"train.choose: {', '.join(_CHOICE)}, got '{self.choose}'")
        _ = self.choice
        self._check_tasks()
        if self.batch == 1 and (self.in_batch or not self.negatives):
            raise UserError(
                "train.batch=1: a step of one question has no passages of others to tell its "
                "positive from: a larger train.batch, or train.in_batch=false with train.negatives"
            )

    def _check_tasks(self) -> None:
        if self.tasks is None:
            return
        tasks = strings("train.tasks", self.tasks)
        for name in tasks:
            one_of("train.tasks", name, TASKS)
        if not tasks or len(set(tasks)) < len(tasks):
            raise UserError(f"train.tasks: each of {', '.join(TASKS)} once at most, got '{tasks}'")
        if "classes" in tasks and (self.choice.source == "gold" or not self.negatives):
            raise UserError(
                "train.tasks: classes have negatives of their own: train.negatives above 0, and "
                "not train.choose.from=gold"
            )

    @property
    def choice(self) -> Choice:
        """Which negatives a question gets."""
        named = {**_CHOICE, **self.choose}
        count = 0 if self.of_passages else self.negatives  # passages alone have none
        return Choice(named["from"], named["skip"], named["sampled"], count)

    @property
    def of_passages(self) -> bool:
        """Whether its examples are made of the line's passages."""
        return self.objective in _OF_PASSAGES

    @property
    def tokens(self) -> float:
        """About how many tokens of an example are read: a question, and its passages."""
        return QUESTION_TOKENS + (1 + self.choice.count) * PASSAGE_TOKENS

    @property
    def of_themselves(self) -> bool:
        """Whether a question without a positive learns its own text, and both are one side."""
        return self.objective in _THEMSELVES

    @property
    def by_task(self) -> bool:
        """Whether a batch is of one task."""
        return self.objective in _BY_TASK
