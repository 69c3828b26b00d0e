"""From a node of the configuration to a part: the one place that calls ``_target_``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from qa_bench.errors import UserError
from qa_bench.stage import identity

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
        cause = error.__cause__
        if isinstance(cause, UserError):
            raise cause from None
        reason = str(cause or error).splitlines()[0]
        raise UserError(f"{group} ({settings['_target_']}): {reason}") from error
    about = settings.get("about") or {}
    config = identity(settings)
    config["_version_"] = getattr(made, "version", 1)
    return Part(made, config, about)
