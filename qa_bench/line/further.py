"""Jobs of a multirun that are no part of its product: ``also``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.types import ChoiceSweep, Override
from hydra.core.plugins import Plugins

from qa_bench.errors import UserError
from qa_bench.line.labels import swept_settings

_NAME = "also"
_SWEEPER = f"{BasicSweeper.__module__}.{BasicSweeper.__name__}"
_product = BasicSweeper.split_arguments
"""Hydra's own: one job for each combination of the swept values."""


def jobs_of(overrides: Sequence[Override]) -> list[list[str]]:
    """The jobs of a multirun as lists of overrides, those of ``also`` first.

    ``also={retriever: bm25_native, train: none},{train: none}`` stands for two jobs: the common
    overrides and those of a mapping. Overrides of the same names, and of settings in a part that
    the mapping chooses, do not count there; other sweeps do: a job for each of their combinations.
    The last ``also`` counts, a command's before an experiment's; ``also=null`` stands for none.

    Args:
        overrides: Hydra's parsed ones.

    Raises:
        UserError: ``also`` holds something else than mappings of names to values.
    """
    others = [one for one in overrides if one.key_or_group != _NAME]
    (jobs,) = _product(others, None)
    further: list[list[str]] = []
    for entry in _entries(overrides):
        common = [one for one in others if not any(_within(one, name) for name in entry)]
        own = [f"{name}={value}" for name, value in entry.items()]
        (several,) = _product(common, None)
        further += [[*job, *own] for job in several]
    return [*further, *jobs]


def settings_of(overrides: Sequence[Override]) -> frozenset[str]:
    """The names of the settings that have several values in a multirun.

    Args:
        overrides: Hydra's parsed ones.
    """
    names = {name for entry in _entries(overrides) for name in entry}
    return swept_settings(overrides) - {_NAME} | names


@contextmanager
def further_jobs() -> Iterator[None]:
    """Let Hydra's sweeper run them too.

    Hydra loads its plugins' modules anew: its class is another one than an import gives.
    """
    sweeper: Any = Plugins.instance().class_name_to_class[_SWEEPER]

    def split(overrides: list[Override], max_batch_size: int | None) -> list[list[list[str]]]:
        jobs = jobs_of(overrides)
        size = max_batch_size or max(1, len(jobs))
        return [jobs[first : first + size] for first in range(0, len(jobs), size)]

    sweeper.split_arguments = staticmethod(split)
    try:
        yield
    finally:
        sweeper.split_arguments = staticmethod(_product)


def _entries(overrides: Sequence[Override]) -> list[dict[str, str]]:
    """The mappings of the last ``also``, their values as Hydra takes them."""
    own = [one for one in overrides if one.key_or_group == _NAME]
    if not own or (value := own[-1].value()) is None:
        return []
    several: list[Any] = value.list if isinstance(value, ChoiceSweep) else [value]
    if not all(isinstance(entry, Mapping) and entry for entry in several):
        raise UserError(
            f"{_NAME}: rows beside the sweep, as {_NAME}='{{retriever: bm25, train: none}}'; got "
            f"'{own[-1].input_line}'"
        )
    return [
        {str(name): Override._get_value_element_as_str(inner) for name, inner in entry.items()}
        for entry in several
    ]


def _within(override: Override, name: str) -> bool:
    """Whether an override is of a setting, or of what is in it."""
    place = override.package or override.key_or_group
    return any(f"{one}.".startswith(f"{name}.") for one in (place, override.key_or_group))
