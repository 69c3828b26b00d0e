"""Which architectures there are, and how transformers comes to know one of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from qa_bench.errors import UserError
from qa_bench.models.native import (
    gemma2_layers,
    jina_listwise,
    mgte,
    minicpm_layers,
    nomic_moe,
    nv_embed,
    voyage,
)
from qa_bench.models.native.kind import Config, Kind

KINDS: tuple[Kind, ...] = (
    gemma2_layers.KIND,
    jina_listwise.KIND,
    mgte.KIND,
    minicpm_layers.KIND,
    nomic_moe.KIND,
    nv_embed.KIND,
    voyage.KIND,
)


def kind_of(config: Config) -> Kind | None:
    """The architecture of this room that a checkpoint has; None for any other.

    Args:
        config: its ``config.json``.
    """
    return next((kind for kind in KINDS if kind.suits(config)), None)


@contextmanager
def native_classes(config: Config, model: str) -> Iterator[None]:
    """Within, transformers loads the checkpoint with a class of this room, where it has one.

    Afterwards it knows as much as before: other checkpoints may have the same ``model_type``.

    Args:
        config: the checkpoint's ``config.json``.
        model: its name, for messages.

    Raises:
        UserError: the checkpoint has settings that are not written here.
    """
    kind = kind_of(config)
    if kind is None:
        yield
        return
    if reason := kind.unlike(config):
        raise UserError(f"model {model}: {reason}")
    import transformers
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    classes = kind.classes()
    with ExitStack() as stack:
        stack.enter_context(_entry(CONFIG_MAPPING, config["model_type"], classes.config))
        for name, model_class in classes.models.items():
            mapping = getattr(transformers, name)._model_mapping
            stack.enter_context(_entry(mapping, classes.config, model_class))
        yield


@contextmanager
def _entry(mapping: Any, key: Any, value: Any) -> Iterator[None]:
    """An entry of one of transformers' mappings."""
    others: dict[Any, Any] = mapping._extra_content  # what was registered, in both kinds
    before = dict(others)
    mapping.register(key, value, exist_ok=True)
    try:
        yield
    finally:
        others.clear()
        others.update(before)
