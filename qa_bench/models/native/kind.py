"""What a file of this room has to say of its architecture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Config = Mapping[str, Any]
"""What a checkpoint's ``config.json`` holds."""


@dataclass(frozen=True)
class Classes:
    """The classes that load a checkpoint.

    Attributes:
        config: made of ``config.json`` by its ``from_dict``.
        models: name of an auto class of transformers to the class that it makes; those that
            transformers has for what ``from_dict`` makes are left out.
    """

    config: Any
    models: Mapping[str, Any]


@dataclass(frozen=True)
class Kind:
    """An architecture.

    Attributes:
        suits: whether a checkpoint with this ``config.json`` is one.
        unlike: why a checkpoint with this ``config.json`` is refused; "" where it is not.
        classes: imports torch and transformers when it is called.
    """

    suits: Callable[[Config], bool]
    unlike: Callable[[Config], str]
    classes: Callable[[], Classes]


def unlike(config: Config, values: Mapping[str, Any]) -> str:
    """The first setting of ``config.json`` with another value than the one written here.

    Args:
        config: settings it leaves out have that value.
        values: setting to value.
    """
    for name, value in values.items():
        if config.get(name, value) != value:
            return f"{name}={config[name]} in its config.json (only {value} is supported)"
    return ""
