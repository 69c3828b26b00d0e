"""What a cross-encoder learns from, for the loop that any part learns by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qa_bench.errors import UserError
from qa_bench.models.new_heads import pair_scorer_to_train
from qa_bench.models.pairs import Framed, Whole
from qa_bench.models.source import Source
from qa_bench.reranker.lessons import Lesson, lessons
from qa_bench.reranker.objectives import OBJECTIVES, Objective, ScoreTable
from qa_bench.reranker.scorer import pair_model
from qa_bench.settings import one_of, whole_number
from qa_bench.train.examples import drawn, read
from qa_bench.train.loop import MODEL_FOLDER, Settings, Task, TrainingFiles, learn
from qa_bench.train.pieces import held_tokens, in_pieces
from qa_bench.train.seen import write_seen
from qa_bench.types import Runtime

if TYPE_CHECKING:
    from torch import Tensor

_MULTIPLE = 16
"""Sequences are filled up to a multiple of it: torch's attention on a CPU is quicker so."""


@dataclass(frozen=True)
class RerankerSettings(Settings):
    """How a cross-encoder is trained; see ``Settings`` for the rest.

    Attributes:
        objective: what is learnt, see ``OBJECTIVES``.
        negatives: passages beside each positive, at most.
    """

    learning_rate: float = 2e-5
    objective: str = "list"
    negatives: int = 7

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            UserError: one is out of range.
        """
        super().__post_init__()
        one_of("train.objective", self.objective, OBJECTIVES)
        whole_number("train.negatives", self.negatives)


class PairTask(Task):
    """Questions with their passages as rows of tokens; see ``Task``."""

    def __init__(
        self, rows: Framed | Whole, examples: Sequence[Lesson], objective: Objective, padding: Any
    ) -> None:
        """Measure the rows.

        Args:
            rows: the pairs, question after question, as the reranker reads them.
            examples: what they are of.
            objective: what is learnt.
            padding: the tokenizer's id for it, and the tokens that the model takes (or None).
        """
        self._rows, self._objective = rows, objective
        self._pad, self._most = padding
        sizes = np.array([len(lesson.passages) for lesson in examples])
        self._starts, self._sizes = np.cumsum(sizes) - sizes, sizes
        self._teacher = np.zeros(int(sizes.sum()), np.float32)
        if objective.distils:
            self._teacher[:] = np.concatenate([lesson.teacher or [] for lesson in examples])
        self.lengths = np.maximum.reduceat(rows.lengths, self._starts)
        self.tokens = np.add.reduceat(rows.lengths, self._starts)
        self.sequences = len(rows.lengths)

    def loss(self, model: Any, places: np.ndarray) -> Tensor:
        """The objective's loss of the questions at ``places``."""
        import torch

        device = next(model.parameters()).device
        of_questions = [
            np.arange(start, start + size)
            for start, size in zip(self._starts[places], self._sizes[places], strict=True)
        ]
        rows = np.concatenate(of_questions)
        lengths = self._padded(self._rows.lengths[rows])
        pieces = in_pieces(
            lambda some: model(self._features(rows[some], device)), lengths, held_tokens(model)
        )
        order = np.argsort(np.concatenate([some for some, _ in pieces]), kind="stable")
        flat = torch.cat([scores for _, scores in pieces])[torch.from_numpy(order).to(device)]
        with torch.autocast(device.type, enabled=False):
            return self._objective.loss(self._table(flat.float(), rows, self._sizes[places]))

    def _table(self, flat: Tensor, rows: np.ndarray, sizes: np.ndarray) -> ScoreTable:
        """Scores of rows as a table with a line for each question."""
        import torch

        exists = torch.from_numpy(np.arange(sizes.max()) < sizes[:, None]).to(flat.device)
        teacher = torch.from_numpy(self._teacher[rows]).to(flat.device)
        empty = torch.zeros(exists.shape, device=flat.device)
        scores = empty.masked_scatter(exists, flat)
        return ScoreTable(scores, exists, empty.masked_scatter(exists, teacher))

    def _padded(self, lengths: np.ndarray) -> np.ndarray:
        padded = -(-lengths // _MULTIPLE) * _MULTIPLE
        return padded if self._most is None else np.minimum(padded, self._most)

    def _features(self, rows: np.ndarray, device: Any) -> dict[str, Any]:
        """The model's input for rows of about one length; int64 tensors (rows, tokens)."""
        import torch

        length = int(self._padded(self._rows.lengths[rows]).max())
        batch: dict[str, Any] = {}
        for place, row in enumerate(rows):
            for name, value in self._rows.features(np.array([row])).items():
                if not isinstance(value, np.ndarray):
                    batch[name] = value
                    continue
                if name not in batch:
                    fill = self._pad if name == "input_ids" else 0
                    batch[name] = np.full((len(rows), length), fill, np.int64)
                batch[name][place, : value.shape[1]] = value[0]
        return {
            name: torch.from_numpy(value).to(device) if isinstance(value, np.ndarray) else value
            for name, value in batch.items()
        }


def teach(
    source: Source,
    title: str,
    label: int | None,
    files: TrainingFiles,
    settings: RerankerSettings,
    folder: Path,
    runtime: Runtime,
) -> dict[str, Any]:
    """Train a cross-encoder on the examples of files; see ``train.loop.learn``.

    Args:
        source: what is trained further: an encoder, or a cross-encoder. Pairs are cut to its
            ``max_length``.
        title: see ``lessons``.
        label: of a cross-encoder with several classes, the one that means relevant.
        files: what is learnt from.
        settings: how.
        folder: where the model is written.
        runtime: device, threads and progress.

    Returns:
        Counts: of the files, and those of ``learn``.

    Raises:
        UserError: no example is left, or the model does not suit.
    """
    counts: dict[str, int] = {}
    objective = OBJECTIVES[settings.objective]
    several = drawn(list(read(files, counts, settings.negatives)), files.examples, settings.seed)
    made = lessons(
        several, title, settings.negatives, objective.contrasts, objective.distils, counts
    )
    examples = list(made)
    learnt = teach_lessons(source, label, examples, settings, folder, runtime)
    write_seen(folder / MODEL_FOLDER, (lesson.question for lesson in examples))
    return {**counts, "examples": len(examples), **learnt}


def teach_lessons(
    source: Source,
    label: int | None,
    examples: Sequence[Lesson],
    settings: RerankerSettings,
    folder: Path,
    runtime: Runtime,
) -> dict[str, Any]:
    """Train on lessons; see ``teach``."""
    objective = OBJECTIVES[settings.objective]
    if not examples:
        raise UserError(
            f"no example to train on: train.objective={settings.objective} needs a positive"
            + (" and a negative" if objective.contrasts else "")
            + (", with scores of a teacher (1000 means gold)" if objective.distils else "")
            + " a question"
        )

    def build() -> tuple[Any, Any, Task]:
        model, maker = pair_model(pair_scorer_to_train(source), source, label)
        passages = [passage for lesson in examples for passage in lesson.passages]
        rows = maker.rows(
            [lesson.question for lesson in examples],
            passages,
            np.repeat(np.arange(len(examples)), [len(one.passages) for one in examples]),
            np.arange(len(passages)),
        )
        padding = (maker.tokenizer.pad_token_id or 0, maker.limit)
        return model, maker.tokenizer, PairTask(rows, examples, objective, padding)

    return learn(build, settings, folder, runtime)
