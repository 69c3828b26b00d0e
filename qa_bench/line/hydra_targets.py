"""What Hydra may make of the ``hydra`` part of a configuration: an allow-list.

Hydra makes callbacks, launchers and sweepers of any ``_target_``, ``logging`` handlers and
formatters of any class, and sets environment variables for jobs: each could run anybody's code.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from qa_bench.errors import UserError
from qa_bench.trust import VARIABLE, is_trusted

_MADE = ("callbacks", "launcher", "sweeper")
_LOGGING = ("job_logging", "hydra_logging")
ALLOWED = (
    *("hydra._internal.core_plugins.", "hydra.experimental.callbacks.", "hydra_plugins."),
    *("qa_bench.cli.multirun.", "optuna.samplers."),
)
"""How the classes begin that Hydra may make: its own, its plugins', and what counts jobs."""
ALLOWED_LOGGING = (
    *("logging.", "colorlog.", "ext://sys.stdout", "ext://sys.stderr"),
    "qa_bench.runtime.progress.Lines",
)
_OTHERS = ("PYTHON", "LD_", "DYLD_", "JAVA", "JDK_", "QA_BENCH_")
"""How variables begin that decide whose code runs."""


def check_hydra(hydra: Any) -> None:
    """Look at a composed ``hydra`` node before Hydra makes anything of it.

    Raises:
        UserError: something is named that is neither on the list nor trusted.
    """
    for part in _MADE:
        for place, name, value in _leaves(hydra, part):
            if name == "_target_" and not _is_allowed(str(value), ALLOWED):
                raise _refusal(place, value)
    for part in _LOGGING:
        for place, name, value in _leaves(hydra, part):
            is_class = name in ("()", "class") or str(value).startswith("ext://")
            if is_class and not _is_allowed(str(value), ALLOWED_LOGGING):
                raise _refusal(place, value)
    for _, name, _ in _leaves(hydra, "job.env_set"):
        if name.upper().startswith(_OTHERS) or name.upper() == "PATH":
            raise UserError(
                f"hydra.job.env_set.{name}: decides whose code runs: set it where you start "
                "qa-bench, not in its configuration"
            )


def _is_allowed(target: str, allowed: tuple[str, ...]) -> bool:
    return target.startswith(allowed) or (
        not target.startswith("qa_bench") and is_trusted(target.rpartition(".")[0])
    )


def _refusal(place: str, target: Any) -> UserError:
    top = str(target).removeprefix("ext://").partition(".")[0]
    return UserError(
        f"hydra.{place}: {target} is none of Hydra's own classes nor of its plugins': if you trust "
        f"it, add --trust {top} to the command (or set {VARIABLE}={top})"
    )


def _leaves(hydra: Any, place: str) -> Iterator[tuple[str, str, Any]]:
    """(place, last name, value) of all that is below a place, references followed.

    Raises:
        UserError: a reference cannot be followed yet, so that nobody knows what it becomes.
    """
    from omegaconf import OmegaConf

    node = OmegaConf.select(hydra, place, throw_on_resolution_failure=False)
    yield from _below(place, node)


def _below(place: str, node: Any) -> Iterator[tuple[str, str, Any]]:
    from omegaconf import DictConfig, ListConfig, OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    if isinstance(node, DictConfig):
        names: Any = [] if node._is_none() or node._is_missing() else list(node)
    elif isinstance(node, ListConfig):
        names = [] if node._is_none() or node._is_missing() else range(len(node))
    else:
        yield place, place.rpartition(".")[2], node
        return
    for name in names:
        inner = f"{place}.{name}"
        if OmegaConf.is_missing(node, name):
            continue
        try:
            value = node[name]
        except OmegaConfBaseException as error:
            container: Any = OmegaConf.to_container(node, resolve=False)
            raw = str(container[name])
            if raw.startswith("${") and raw.endswith("}") and raw.count("${") == 1:
                raise UserError(f"hydra.{inner}: {raw} is not known yet ({error})") from None
            continue  # part of a text: no class
        yield from _below(inner, value)
