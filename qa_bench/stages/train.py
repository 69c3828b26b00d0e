"""questions with answers in passages ─train─► model."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qa_bench.engine.stage import run_stage
from qa_bench.types import Folder

if TYPE_CHECKING:
    from qa_bench.line.line import Line
    from qa_bench.train.loop import Settings


VERSION = 2


def train(
    line: Line, reader: Any, settings: Settings, files: dict[str, Path], examples: int | None
) -> Folder:
    """The stage: a model trained on the lessons of ``files``, of which ``articles`` has none."""
    from qa_bench.reader.extractive.lessons import lessons

    context = line.context

    def build(folder: Path) -> dict[str, Any]:
        counts: dict[str, int] = {}
        paths = [path for name, path in files.items() if name != "articles"]
        articles = files.get("articles")
        found = list(lessons(paths, articles, settings.passages_without, counts))
        if examples is not None and examples < len(found):
            drawn = np.random.default_rng(settings.seed).choice(len(found), examples, replace=False)
            found = [found[place] for place in drawn.tolist()]
        return {**counts, **reader.train(found, settings, folder, context.runtime)}

    return run_stage(
        "train",
        version=VERSION,
        slug=f"{files['data'].name.partition('.')[0]}-{settings.objective}",
        config={
            "reader": _of_sequences(reader.identity),
            "train": {
                **{k: v for k, v in asdict(settings).items() if k != "checkpoint"},
                "examples": examples,
            },
        },
        inputs={
            **dict(zip(files, context.digests.of(list(files.values())), strict=True)),
            **reader.sources(),
        },
        build=build,
        **context.common,
    )


def _of_sequences(config: dict[str, Any]) -> dict[str, Any]:
    """The reader's settings that training sees: not what only loads it or chooses answers.

    The model stands among the inputs, by its content.
    """
    chooses = (
        *("model", "revision", "architecture", "precision"),
        *("aggregation", "depth", "max_answer_tokens", "full_words"),
    )
    return {name: value for name, value in config.items() if name not in chooses}
