"""files of examples ─train─► model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from qa_bench.engine.context import Context
from qa_bench.engine.stage import Stage
from qa_bench.protocols import Learner
from qa_bench.train.loop import Settings, TrainingFiles
from qa_bench.types import Folder, Step

VERSION = 3


def train(learner: Learner, files: TrainingFiles, settings: Settings, context: Context) -> Stage:
    """A model in the folder ``model``, trained by the part that will use it.

    What the part says its training does not look at (``reading_only``) is left out of the key, and
    so is how often a checkpoint is written.
    """

    def build(folder: Path, inputs: Mapping[str, Folder]) -> dict[str, Any]:
        return learner.train(files, settings, folder, context.runtime)

    def digests() -> dict[str, str]:
        named = {f"data{number}": file for number, file in enumerate(files.data)}
        if files.articles is not None:
            named["articles"] = files.articles
        contents = context.digests.of(list(named.values()))
        return {**dict(zip(named, contents, strict=True)), **learner.sources()}

    how = {name: value for name, value in asdict(settings).items() if name != "checkpoint"}
    identity = learner.identity.items()
    return Stage(
        "train",
        VERSION,
        f"{files.data[0].name.partition('.')[0]}-{settings.objective}",
        {
            "learner": {k: value for k, value in identity if k not in learner.reading_only},
            "train": {**how, "examples": files.examples},
        },
        {},
        digests,
        build,
        lambda load: Step("train", 0, None, "not known"),
    )
