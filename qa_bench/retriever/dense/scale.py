"""What a bi-encoder's similarities were multiplied with in training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from qa_bench.errors import DataError
from qa_bench.models.source import model_path
from qa_bench.retriever.dense.description import TRAINING_FILE
from qa_bench.train.losses.similarities import SCALES


def scale_of(trained: Any | None, model: str | None, similarity: str) -> float:
    """The scale that a training names, else the one it takes for the similarity: of cosine 20.

    Args:
        trained: the settings of a training that comes before on the line; None for none.
        model: what is searched with otherwise; its folder may say how it was trained.
        similarity: of the search.

    Raises:
        DataError: the folder's description is no such file.
    """
    scale = getattr(trained, "scale", None) if trained is not None else _described(model)
    return SCALES[similarity] if scale is None else float(scale)


def _described(model: str | None) -> float | None:
    """The scale in the description of a model's folder; None where it says none."""
    folder = None if model is None else model_path(model)
    path = None if folder is None else Path(folder) / TRAINING_FILE
    if path is None or not path.is_file():
        return None
    try:
        scale = json.loads(path.read_text(encoding="utf-8"))["settings"].get("scale")
    except (ValueError, KeyError, AttributeError, TypeError):
        raise DataError("not what training writes of a model", path) from None
    if scale is not None and (isinstance(scale, bool) or not isinstance(scale, int | float)):
        raise DataError(f"settings.scale: a number, got '{scale}'", path)
    return scale
