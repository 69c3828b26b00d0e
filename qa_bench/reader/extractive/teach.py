"""What the extractive reader learns from, for the loop that any part learns by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from qa_bench.errors import UserError
from qa_bench.models.loading import tokenizer_of
from qa_bench.models.source import Source
from qa_bench.reader.extractive.layout import Layout, Padding, Shape
from qa_bench.reader.extractive.lessons import Lesson, lessons
from qa_bench.reader.extractive.model import most_tokens, takes_types
from qa_bench.reader.extractive.objectives import OBJECTIVES, Item, Objective, batch_of
from qa_bench.settings import one_of, whole_number
from qa_bench.train.loop import Settings, Task, TrainingFiles, learn
from qa_bench.types import Runtime

_LESSONS = 1000
"""Lessons that are made tokens at once."""


@dataclass(frozen=True)
class ReaderSettings(Settings):
    """How an extractive reader is trained; see ``Settings`` for the rest.

    Attributes:
        objective: what is learnt, see ``OBJECTIVES``.
        negatives: passages without an answer beside each positive (objective dpr).
    """

    objective: str = "spans"
    negatives: int = 7

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            UserError: one is out of range.
        """
        super().__post_init__()
        one_of("train.objective", self.objective, OBJECTIVES)
        whole_number("train.negatives", self.negatives)


class SpanTask(Task):
    """Items of an objective; see ``Task``."""

    def __init__(self, items: Sequence[Item], objective: Objective, padding: Padding) -> None:
        """Measure the items."""
        self._items, self._objective, self._padding = items, objective, padding
        sizes = [[len(window.ids) for window in item.windows] for item in items]
        self.lengths = np.array([max(size) for size in sizes])
        self.tokens = np.array([sum(size) for size in sizes])
        self.sequences = sum(map(len, sizes))

    def loss(self, model: Any, places: np.ndarray) -> Any:
        """The objective's loss of the items at ``places``."""
        import torch

        device = next(model.parameters()).device
        batch = batch_of([self._items[place] for place in places], self._padding, device)
        output = model(**batch.arguments, return_dict=True)
        with torch.autocast(device.type, enabled=False):
            return self._objective.loss(output, batch)


def teach(
    source: Source,
    shape: Shape,
    files: TrainingFiles,
    settings: ReaderSettings,
    folder: Path,
    runtime: Runtime,
) -> dict[str, Any]:
    """Train a reader on the lessons of files; see ``train.loop.learn``.

    Args:
        source: what is trained further: an encoder, or a reader.
        shape: how sequences are made; the same when reading.
        files: what is learnt from.
        settings: how.
        folder: where the model is written.
        runtime: device, threads and progress.

    Returns:
        Counts: of the files, and those of ``learn``.

    Raises:
        UserError: no example is left, or the model does not suit the objective.
    """
    counts: dict[str, int] = {}
    objective = OBJECTIVES[settings.objective]
    negatives = settings.negatives if objective.contrasts else 0
    examples = list(lessons(files.data, files.articles, negatives, counts))
    if files.examples is not None and files.examples < len(examples):
        random = np.random.default_rng(settings.seed)
        places = random.choice(len(examples), files.examples, replace=False)
        examples = [examples[place] for place in places.tolist()]
    learnt = teach_lessons(source, shape, examples, settings, folder, runtime)
    return {**counts, "examples": len(examples), **learnt}


def teach_lessons(
    source: Source,
    shape: Shape,
    examples: Sequence[Lesson],
    settings: ReaderSettings,
    folder: Path,
    runtime: Runtime,
) -> dict[str, Any]:
    """Train on lessons; see ``teach``."""
    objective = OBJECTIVES[settings.objective]
    negatives = settings.negatives if objective.contrasts else 0

    def build() -> tuple[Any, Any, Task]:
        model, tokenizer = objective.model(source), tokenizer_of(source)
        padding = Padding(tokenizer.pad_token_id or 0, most_tokens(model))
        layout = Layout(tokenizer, shape, padding.most, takes_types(model))
        items: list[Item] = []
        for first in range(0, len(examples), _LESSONS):
            items += objective.items(layout, examples[first : first + _LESSONS], negatives)
        if not items:
            raise UserError("no example to train on: no answer lies in a passage's tokens")
        return model, tokenizer, SpanTask(items, objective, padding)

    return learn(build, settings, folder, runtime)
