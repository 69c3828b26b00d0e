"""`qa-bench train reader=…`, `retriever=…` or `reranker=…`: a model of one's own.

    questions with answers in passages ─train─► model

The model lies in the folder ``model`` of the stage; ``reader.model=<that folder>`` reads with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qa_bench.errors import UserError
from qa_bench.line.training import GROUPS
from qa_bench.train.loop import MODEL_FOLDER

if TYPE_CHECKING:
    from qa_bench.line.line import Line

_USE = {"reader": "read", "retriever": "search", "reranker": "rerank"}
"""What is done with a part of a group."""


def train(line: Line) -> str:
    """Train what the command names, and return where the model lies and how to use it.

    Raises:
        UserError: no part or no file is named, or the part is none that learns.
    """
    training = line.training
    if training is None:
        raise _unnamed()
    folder = line.context.run(training.stage)
    counts = ", ".join(f"{number} {name}" for name, number in folder.manifest["counts"].items())
    settings = training.used(folder.path)
    words = " ".join(
        f"{place}.{name}={'null' if value is None else value}"
        for place in training.places
        for name, value in settings.items()
    )
    use = _USE[training.place.partition(".")[0]]
    return f"model: {folder.path / MODEL_FOLDER} ({counts})\n{use} with it: {words}"


def with_defaults(words: Sequence[str]) -> list[str]:
    """The overrides of ``train`` with the defaults of what it trains: ``train=retriever``.

    What is trained is the one part that the command chooses; an experiment may choose it, and its
    defaults, in its YAML.

    Raises:
        UserError: two are chosen; or none, and it is said how it shall be trained.
    """
    keys = [word.partition("=")[0].lstrip("+") for word in words if "=" in word]
    if "train" in keys:
        return list(words)
    groups = [group for group in GROUPS if group in keys]
    if len(groups) > 1:
        named = " and ".join(f"{group}=" for group in groups)
        raise UserError(
            f"train makes one model at a time, and {named} are two: leave one away, or say which "
            f"with train={groups[0]}"
        )
    if groups:
        return [f"train={groups[0]}", *words]
    if "experiment" not in keys and any(key.startswith("train.") for key in keys):
        raise _unnamed()
    return list(words)


def _unnamed() -> UserError:
    named = ", ".join(f"{group}=" for group in GROUPS)
    return UserError(
        f"train needs to know what to train: one of {named}, such as reader=extractive or "
        "retriever=dense"
    )
