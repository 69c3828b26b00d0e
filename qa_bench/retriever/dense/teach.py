"""Training of bi-encoders, for the loop that any part learns by."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from qa_bench.errors import UserError
from qa_bench.models.dpr_folders import save_dpr, unlike_dpr
from qa_bench.models.positions import config_of
from qa_bench.models.sides import Side
from qa_bench.models.source import Source
from qa_bench.models.towers import towers
from qa_bench.models.trainable import without_embeddings
from qa_bench.retriever.dense.description import describe
from qa_bench.retriever.dense.lessons import Lessons, lessons
from qa_bench.retriever.dense.passages import examples_of
from qa_bench.retriever.dense.settings import BiEncoderSettings
from qa_bench.retriever.dense.task import BiEncoderTask
from qa_bench.train.examples import drawn, read
from qa_bench.train.launch import learn_on_all
from qa_bench.train.loop import MODEL_FOLDER, Task, TrainingFiles
from qa_bench.train.losses.batch import Loss
from qa_bench.train.losses.table import loss_of
from qa_bench.train.seen import write_seen
from qa_bench.train.tasks import by_task
from qa_bench.types import Runtime

DPR_FOLDER = "dpr"
"""Where the same model lies as transformers' DPR classes, beside ``MODEL_FOLDER``."""
_PAIR = "pair"


def teach(
    sides: tuple[Side, Side],
    layer_norm: bool,
    files: TrainingFiles,
    settings: BiEncoderSettings,
    folder: Path,
    runtime: Runtime,
) -> dict[str, Any]:
    """Train a bi-encoder on the examples of files; see ``train.loop.learn``.

    The model lies in ``folder/model``, for sentence-transformers; and, where it is of DPR's
    architecture, in ``folder/dpr/question`` and ``folder/dpr/passage`` too.

    Args:
        sides: models of questions and passages that are trained further, and how texts are made.
        layer_norm: whether the retriever normalises vectors so.
        files: what is learnt from.
        settings: how.
        folder: where the model is written.
        runtime: device, threads and progress.

    Returns:
        Counts: of the files, of what was masked and moved, and those of ``learn``.

    Raises:
        UserError: no example is left, or the model or the data do not suit.
    """
    counts: dict[str, Any] = {}
    if files.passages is not None:
        several = examples_of(files.passages, files.examples, settings, counts)
    else:
        examples = list(read(files, counts, settings.negatives, bare=settings.of_themselves))
        several = drawn(examples, files.examples, settings.seed)
    if settings.tasks is not None:
        count = settings.negatives + settings.choice.skip
        several = by_task(several, settings.tasks, count, settings.seed, counts)
    counts["examples"] = len(several)
    made = lessons(several, settings.choice, counts, settings.of_themselves)
    learnt = teach_lessons(sides, layer_norm, made, settings, folder, runtime)
    counts |= learnt
    for written in (folder / MODEL_FOLDER, *sorted((folder / DPR_FOLDER).glob("*"))):
        write_seen(written, made.questions)
        describe(written, sides, files, settings, counts)
    return counts


def teach_lessons(
    sides: tuple[Side, Side],
    layer_norm: bool,
    made: Lessons,
    settings: BiEncoderSettings,
    folder: Path,
    runtime: Runtime,
) -> dict[str, Any]:
    """Train on lessons, on all GPUs; see ``teach``."""
    _check(made, loss_of(settings), settings)
    build = _Building(sides, layer_norm, made, settings)
    learnt = learn_on_all(build, settings, folder, runtime)
    pairs = sides[1].title == _PAIR
    if any(map(_is_dpr, sides)) or not unlike_dpr(build.model, pairs):
        shutil.rmtree(folder / DPR_FOLDER, ignore_errors=True)  # of a killed run
        save_dpr(build.model, folder / DPR_FOLDER, pairs)
    size = {"non_embedding_parameters": without_embeddings(build.model)}
    return {**learnt, **build.task.crowding(), **size}


class _Building:
    """Makes the model and its task, in any process.

    Attributes:
        model: the towers, once it was called.
        task: the task of them.
    """

    model: Any
    task: BiEncoderTask

    def __init__(
        self, sides: tuple[Side, Side], layer_norm: bool, made: Lessons, settings: BiEncoderSettings
    ) -> None:
        self._sides, self._layer_norm = sides, layer_norm
        self._lessons, self._settings = made, settings

    def __call__(self) -> tuple[Any, None, Task]:
        sides, settings = self._sides, self._settings
        self.model = towers(
            _plain(sides[0].source),
            _plain(sides[1].source),
            settings.sharing,
            settings.projection,
            settings.similarity or "dot",
            one_segment_pairs=any(map(_is_dpr, sides)),
        )
        made = (self._lessons, sides, loss_of(settings), settings, self._layer_norm)
        self.task = BiEncoderTask(self.model, *made)
        return self.model, None, self.task


def _is_dpr(side: Side) -> bool:
    """Whether a side is used as one of transformers' DPR classes."""
    return str(side.source.architecture).startswith("DPR")


def _plain(source: Source) -> Source:
    """A BERT that becomes one of DPR's encoders is trained as what they are: its first state.

    One of DPR's is trained further as it is.
    """
    if not str(source.architecture).startswith("DPR"):
        return source
    if config_of(source).get("model_type") == "dpr":
        return source
    return replace(source, architecture=None, pooling="cls")


def _check(made: Lessons, loss: Loss, settings: BiEncoderSettings) -> None:
    """Refuse data that an objective cannot learn from.

    Raises:
        UserError: there are no examples, no teacher's scores, or no negatives.
    """
    what = f"train.objective={settings.objective}"
    if not len(made):
        raise UserError("no example to train on: no question has a positive passage")
    if loss.graded and not made.scores:
        raise UserError(f"{what} learns from a teacher's scores, and the files have none")
    if loss.mined and not settings.negatives:
        raise UserError(
            f"{what} with train.in_batch={str(settings.in_batch).lower()} learns from a question's "
            "own negatives: train.negatives=0 leaves none"
        )
