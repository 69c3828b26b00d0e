"""What a trained model's folder says of itself, wherever it is taken."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from qa_bench.engine.digests import file_digest
from qa_bench.models.sides import Side
from qa_bench.train.loop import Settings, TrainingFiles

TRAINING_FILE = "training.json"
"""What a trained model's folder says of its data, base, settings and counts."""


def describe(
    folder: Path,
    sides: tuple[Side, Side],
    files: TrainingFiles,
    settings: Settings,
    counts: Mapping[str, Any],
) -> None:
    """Let a model's folder say what it was made of, wherever it is taken."""
    names = files.data if files.articles is None else [*files.data, files.articles]
    how = {name: value for name, value in asdict(settings).items() if name != "checkpoint"}
    said = {
        "data": {_called(path, names): file_digest(path) for path in names},
        "base": {
            name: {"model": side.source.model, "content": side.identity()}
            for name, side in zip(("question", "passage"), sides, strict=True)
        },
        "settings": {**how, "examples": files.examples},
        "counts": dict(counts),
    }
    text = json.dumps(said, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    (folder / TRAINING_FILE).write_text(text, encoding="utf-8")


def _called(path: Path, files: Sequence[Path]) -> str:
    """A file's name, with its folder's where another file has the same."""
    alike = {file for file in files if file.name == path.name}
    return path.name if len(alike) == 1 else f"{path.parent.name}/{path.name}"
