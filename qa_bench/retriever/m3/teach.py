"""Training of BGE-M3's kind: an encoder with three heads that learn from their sum."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qa_bench.errors import UserError
from qa_bench.models.m3_training import m3_to_train
from qa_bench.models.sides import Side
from qa_bench.retriever.dense.description import describe
from qa_bench.retriever.dense.lessons import lessons
from qa_bench.retriever.dense.settings import BiEncoderSettings
from qa_bench.retriever.m3.task import M3Task
from qa_bench.settings import one_of
from qa_bench.train.examples import drawn, read
from qa_bench.train.loop import MODEL_FOLDER, Task, TrainingFiles, learn
from qa_bench.train.losses.table import LOSSES, scores_loss_of
from qa_bench.train.seen import write_seen
from qa_bench.types import Runtime


def check(settings: BiEncoderSettings) -> None:
    """Refuse settings of models with one vector a text.

    Raises:
        UserError: there are some.
    """
    heads = [name for name, entry in LOSSES.items() if entry.of_scores]
    one_of("train.objective", settings.objective, heads)
    one_of("train.sharing", settings.sharing, ("sde",))
    for name in ("projection", "cache"):
        if getattr(settings, name) is not None:
            raise UserError(f"train.{name}: null for a model of three heads")


def teach(
    sides: tuple[Side, Side],
    files: TrainingFiles,
    settings: BiEncoderSettings,
    folder: Path,
    runtime: Runtime,
) -> dict[str, Any]:
    """Train on the examples of files and write the model to ``folder/model``; see ``loop.learn``.

    Args:
        sides: of questions and passages; one model.
        files: what is learnt from.
        settings: how; see ``check``.
        folder: where the model is written.
        runtime: device, threads and progress.

    Returns:
        Counts: of the files, and those of ``learn``.

    Raises:
        UserError: no example is left, or the model or the data do not suit.
    """
    counts: dict[str, Any] = {}
    examples = list(read(files, counts, settings.negatives))
    several = drawn(examples, files.examples, settings.seed)
    counts["examples"] = len(several)
    made = lessons(several, settings.choice, counts)
    if not len(made):
        raise UserError("no example to train on: no question has a positive passage")
    loss: Any = scores_loss_of(settings)
    tasks: list[M3Task] = []

    def build() -> tuple[Any, None, Task]:
        model = m3_to_train(sides[1].source)
        tasks.append(M3Task(model, made, sides, loss, settings))
        return model, None, tasks[0]

    counts |= {**learn(build, settings, folder, runtime), **tasks[0].crowding()}
    write_seen(folder / MODEL_FOLDER, made.questions)
    describe(folder / MODEL_FOLDER, sides, files, settings, counts)
    return counts
