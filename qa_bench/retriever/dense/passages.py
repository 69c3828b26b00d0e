"""Learning from the line's passages, without questions: what comes before training proper."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from qa_bench.errors import UserError
from qa_bench.formats.dpr_training import Example
from qa_bench.models.sides import Side
from qa_bench.models.source import Text
from qa_bench.retriever.dense.description import describe
from qa_bench.retriever.dense.settings import BiEncoderSettings
from qa_bench.runtime.estimates import PASSAGE_TOKENS
from qa_bench.store.passages import Passages
from qa_bench.train.ict import KEEP, pseudo_questions, same_sentences
from qa_bench.train.loop import MODEL_FOLDER, Settings, TrainingFiles, settings_of
from qa_bench.train.pretraining import OBJECTIVES, Masks, named_words, pretrain
from qa_bench.types import Runtime

_Maker = Callable[[Passages, np.ndarray, BiEncoderSettings, dict[str, Any]], Sequence[Example]]


@dataclass(frozen=True)
class PassageSettings(Settings):
    """How a model learns to guess the words of passages; see ``Settings`` for the rest.

    Attributes:
        batch: passages a step.
        learning_rate: its peak.
        mask: see ``Masks``, as the next; None for the objective's own.
        decoder_mask: None for 0.5.
    """

    batch: int = 32
    learning_rate: float = 2e-5
    mask: float | None = None
    decoder_mask: float | None = None

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            UserError: one is out of range.
        """
        super().__post_init__()
        _ = self.masks

    @property
    def of_passages(self) -> bool:
        """It learns from passages."""
        return True

    @property
    def tokens(self) -> float:
        """About how many tokens of a passage are read."""
        return PASSAGE_TOKENS

    @property
    def words(self) -> float:
        """The part of them that a head names."""
        return named_words(self.objective, self.masks)

    @property
    def similarity(self) -> None:
        """It compares no vectors."""
        return

    @property
    def masks(self) -> Masks:
        """How much is hidden.

        Raises:
            UserError: a setting is out of range.
        """
        return Masks(self.mask, 0.5 if self.decoder_mask is None else self.decoder_mask)


def passage_settings(options: Mapping[str, Any]) -> PassageSettings:
    """The settings of an objective of ``pretraining.OBJECTIVES``.

    Raises:
        UserError: one is out of range, or is set and belongs to training with questions.
    """
    own = {field.name for field in fields(PassageSettings)}
    plain = BiEncoderSettings()
    for name, value in options.items():
        if name not in own and hasattr(plain, name) and value != getattr(plain, name):
            raise UserError(
                f"train.{name}: train.objective={options['objective']} learns from passages and "
                "does not look at it: leave it out"
            )
    named = {name: v for name, v in options.items() if name in own or not hasattr(plain, name)}
    return settings_of(PassageSettings, named)


def learn_passages(
    sides: tuple[Side, Side],
    files: TrainingFiles,
    settings: PassageSettings,
    folder: Path,
    runtime: Runtime,
) -> dict[str, Any]:
    """Let the model of both sides learn from passages; see ``pretraining.pretrain``.

    Args:
        sides: models of questions and passages; the same.
        files: the passages, and how many of them.
        settings: how.
        folder: where the model is written.
        runtime: device, threads and progress.

    Raises:
        UserError: the sides have two models, or see ``pretrain``.
    """
    asked_as, read_as = sides
    if files.passages is None:
        raise UserError(f"train.objective={settings.objective} learns from passages: set corpus=…")
    if asked_as.source.model != read_as.source.model:
        raise UserError(
            f"train.objective={settings.objective} makes one model of one, and questions and "
            "passages have two: set retriever.model or train.base alone"
        )

    def compose(titles: Sequence[str], texts: Sequence[str]) -> Sequence[Text]:
        return [_prompted(read_as.prompt, text) for text in read_as.passages(titles, texts)]

    counts = pretrain(
        read_as.source,
        files.passages,
        compose,
        settings.masks,
        settings,
        files.examples,
        folder,
        runtime,
    )
    describe(folder / MODEL_FOLDER, sides, files, settings, counts)
    return counts


def _prompted(prompt: str, text: Text) -> Text:
    return prompt + text if isinstance(text, str) else (prompt + text[0], text[1])


def learns_words(objective: Any) -> bool:
    """Whether an objective is one of guessing words."""
    return objective in OBJECTIVES


def examples_of(
    passages: Passages, count: int | None, settings: BiEncoderSettings, counts: dict[str, Any]
) -> list[Example]:
    """The examples that an objective makes of passages.

    Args:
        passages: the corpus.
        count: how many passages are drawn; None for all.
        settings: the objective, and the seed.
        counts: gets what became of them.
    """
    rows = np.arange(len(passages), dtype=np.int64)
    if count is not None and count < len(rows):
        rows = np.sort(np.random.default_rng(settings.seed).permutation(len(rows))[:count])
    counts["passages"] = len(rows)
    return list(_MAKERS[settings.objective](passages, rows, settings, counts))


def _cloze(
    passages: Passages, rows: np.ndarray, settings: BiEncoderSettings, counts: dict[str, Any]
) -> Sequence[Example]:
    keep = KEEP if settings.keep is None else settings.keep
    return list(pseudo_questions(passages, rows, settings.seed, keep, counts))


_MAKERS: dict[str, _Maker] = {
    "ict": _cloze,
    "simcse_passages": lambda passages, rows, settings, counts: list(
        same_sentences(passages, rows, settings.seed)
    ),
}
