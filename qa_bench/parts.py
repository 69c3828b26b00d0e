"""From a node of the configuration to a part: the one place that calls ``_target_``."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata
from typing import Any, Generic, TypeVar, cast

from qa_bench.errors import UserError

T = TypeVar("T")


@dataclass(frozen=True)
class Part(Generic[T]):
    """A part and what identifies it.

    Attributes:
        made: the part.
        config: its settings as they go into keys: target, version and arguments, without labels.
        about: what people should know of it; never part of a key.
    """

    made: T
    config: dict[str, Any]
    about: dict[str, Any]


def make(group: str, node: Any) -> Part[Any]:
    """Make the part that ``node`` describes.

    Raises:
        UserError: the node has no target, the target refuses a setting, or a value is missing.
    """
    from hydra.errors import InstantiationException
    from hydra.utils import instantiate
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        settings = cast(
            dict[str, Any], OmegaConf.to_container(node, resolve=True, throw_on_missing=True)
        )
    except OmegaConfBaseException as error:
        raise UserError(f"{group}: {str(error).splitlines()[0]}") from error
    if "_target_" not in settings:
        raise UserError(f"{group}: the configuration names no _target_")
    try:
        made = instantiate(settings, _convert_="all")
    except InstantiationException as error:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        if isinstance(cause, UserError):
            raise cause from None
        reason = f"{type(cause).__name__}: {(str(cause).splitlines() or [''])[0]}"
        given = ", ".join(
            f"{name}={value}"
            for name, value in settings.items()
            if name != "_target_" and isinstance(value, str | int | float)
        )
        raise UserError(f"{group} ({settings['_target_']}): {reason}; given {given}") from error
    about = settings.get("about") or {}
    return Part(made, _identity(settings), about)


def _identity(settings: dict[str, Any]) -> dict[str, Any]:
    """What decides the part's results: its settings without labels, its version, its packages."""
    from hydra.utils import get_object

    kind = get_object(settings["_target_"])
    labels = set(getattr(kind, "labels", ()))
    return {
        **{name: _inner(value) for name, value in _told(settings).items() if name not in labels},
        "_version_": getattr(kind, "version", 1),
        **{f"_{name}_": _installed(name) for name in getattr(kind, "depends", ())},
    }


def _inner(value: Any) -> Any:
    """A setting; where it is a part itself, that part's identity."""
    if isinstance(value, dict):
        if "_target_" in value:
            return _identity(value)
        return {name: _inner(inner) for name, inner in _told(value).items()}
    return [_inner(inner) for inner in value] if isinstance(value, list) else value


def _told(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings without ``about``."""
    return {name: value for name, value in settings.items() if name != "about"}


def _installed(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
