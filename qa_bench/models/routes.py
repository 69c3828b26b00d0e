"""The sequences of modules in a model of sentence-transformers: one for all texts, or one a route.

Its ``Router`` holds a sequence for questions (task ``query``) and one for passages (``document``),
and takes a default where it is not told which: a question would go through the passages' tower.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from qa_bench.errors import UserError
from qa_bench.models.source import Source

TASKS = {"question": "query", "passage": "document"}
"""What sentence-transformers calls the texts of each side."""


def tasks(model: Any) -> frozenset[str]:
    """The tasks that a model has a route for; empty where all texts take the same way.

    Args:
        model: a ``SentenceTransformer``; of any other model there are none.
    """
    routed = set()
    for router in _routers(model):
        for task in TASKS.values():
            with suppress(ValueError):  # no such route
                router._resolve_route(task=task, modality="text")
                routed.add(task)
    return frozenset(routed)


def route(model: Any, task: str) -> list[Any]:
    """The modules that a text of a task goes through, the very objects of the model."""
    modules: list[Any] = []
    for module in model:
        if module in _routers(model):
            modules += module.sub_modules[module._resolve_route(task=task, modality="text")]
        else:
            modules.append(module)
    return modules


def sequences(model: Any) -> list[Any]:
    """Every sequence in which modules stand: the model itself, or those of its router."""
    routed = [each for router in _routers(model) for each in router.sub_modules.values()]
    return [*routed, model] if routed else [model]


def first_modules(model: Any) -> list[Any]:
    """The modules that are given texts."""
    return [sequence[0] for sequence in sequences(model) if sequence[0] not in _routers(model)]


def check_dimensions(source: Source, model: Any) -> None:
    """Refuse a model whose routes end in vectors of unlike dimensions.

    Raises:
        UserError: they do.
    """
    sizes = {task: dimension(route(model, task)) for task in sorted(tasks(model))}
    if len(set(sizes.values())) > 1:
        each = ", ".join(f"{task}: {size}" for task, size in sizes.items())
        raise UserError(
            f"model {source.model}: its two towers make vectors of unlike dimensions ({each}): "
            "they cannot be compared"
        )


def dimension(modules: list[Any]) -> int | None:
    """The dimension of the vectors that a sequence of modules makes; None where none tells."""
    for module in reversed(modules):
        for name in ("get_embedding_dimension", "get_sentence_embedding_dimension"):
            if hasattr(module, name):
                size = getattr(module, name)()
                return None if size is None else int(size)
    return None


def _routers(model: Any) -> list[Any]:
    from sentence_transformers.base.modules import Router

    return [module for module in _modules(model) if isinstance(module, Router)]


def _modules(model: Any) -> Iterator[Any]:
    from sentence_transformers import SentenceTransformer

    if isinstance(model, SentenceTransformer):
        yield from model
