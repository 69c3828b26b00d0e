"""Hydra's loader of configurations, doing nothing twice: files are parsed, jobs composed once.

Hydra parses every YAML file anew for each job of a multirun, and composes each job twice: all of
them at first, so that a slip of the pen is told before anything runs, and each again when it runs.
Here the first time is kept for the second. What comes out is what Hydra composes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Any, TypeVar

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository, IConfigRepository
from hydra._internal.hydra import Hydra
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.default_element import ResultDefault
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigResult
from omegaconf import DictConfig, OmegaConf, flag_override
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from qa_bench import trust
from qa_bench.errors import DataError
from qa_bench.line.hydra_targets import check_hydra
from qa_bench.line.yaml_files import check_yaml
from qa_bench.paths import CONF

Place = tuple[Any, ...]
"""Where a configuration comes from: the sources looked at, and what of them."""
_Value = TypeVar("_Value")


class Files(ConfigRepository):
    """The YAML files of the groups, each parsed once.

    Hydra copies its repository for each composition, and lets the copy look elsewhere where
    ``hydra.searchpath`` says so. Copies share what was parsed, by the sources looked at.
    """

    def __init__(self, config_search_path: ConfigSearchPath) -> None:
        """Nothing is parsed yet."""
        self._parsed: dict[Place, ConfigResult | None] = {}
        super().__init__(config_search_path)

    def __deepcopy__(self, memo: dict[int, Any]) -> Files:
        """A repository that may look elsewhere without this one noticing."""
        return copy.copy(self)

    def load_config(self, config_path: str) -> ConfigResult | None:
        """A file's content, not to be changed; None if there is no such file.

        Raises:
            DataError: the file is no YAML, or too much of one.
        """
        place = _place(self, config_path)
        if place not in self._parsed:
            file = self._own_file(config_path)
            if file is not None:
                check_yaml(file)
            try:
                self._parsed[place] = super().load_config(config_path)
            except YAMLError as error:  # such as a key that stands twice
                if file is None:
                    raise
                raise _no_yaml(error, file) from None
        return self._parsed[place]

    def _own_file(self, config_path: str) -> Path | None:
        """The file, if it is not one that ships with the package."""
        source = self._find_object_source(config_path, ObjectType.CONFIG)
        if source is None or source.scheme() != "file" or Path(source.path) == CONF:
            return None
        return Path(source.path) / source._normalize_file_name(config_path)


class CheckedLoader(ConfigLoaderImpl):
    """Hydra's loader, which lets Hydra make nothing that is not on the list."""

    def load_configuration(self, *arguments: Any, **options: Any) -> DictConfig:
        """Compose, and look at what Hydra will make of it.

        Raises:
            UserError: a class of somebody else is named.
        """
        config = super().load_configuration(*arguments, **options)
        check_hydra(config.get("hydra"))
        return config


class Loader(CheckedLoader):
    """Composes a job once: what was composed to check the batch is what the launcher gets."""

    def __init__(self, config_search_path: ConfigSearchPath) -> None:
        """Nothing is composed yet."""
        super().__init__(config_search_path)
        self.repository = Files(config_search_path)
        self._jobs: dict[tuple[str, ...], Callable[[], DictConfig]] = {}
        self._singles: dict[Place, Callable[[], ConfigResult]] = {}
        self._merged: dict[Place, Callable[[], DictConfig]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        """To other processes, a launcher's workers, goes Hydra's loader: they have one job each.

        What is trusted goes with it: they may have another environment.
        """
        hydras = CheckedLoader(self.config_search_path)
        return _elsewhere, (trust.current(),), vars(hydras)

    def load_sweep_config(
        self, master_config: DictConfig, sweep_overrides: list[str]
    ) -> DictConfig:
        """Compose a job, or hand out, once, what was composed of it before."""
        job = tuple(sweep_overrides)
        if job not in self._jobs:
            config = super().load_sweep_config(master_config, sweep_overrides)
            self._jobs[job] = _copies(config)
            return config
        composition = self._jobs.pop(job)()
        OmegaConf.copy_cache(from_config=master_config, to_config=composition)
        return composition

    def _compose_config_from_defaults_list(
        self, defaults: list[ResultDefault], repo: IConfigRepository
    ) -> DictConfig:
        """Merge the files; Hydra's own come first and are the same for all jobs: merged once.

        Hydra merges one by one, and mends the whole tree each time; here it is mended once.
        """
        hydras = list(takewhile(lambda item: str(item.config_path).startswith("hydra/"), defaults))
        others = [self._load_single_config(item, repo) for item in defaults[len(hydras) :]]
        if any(other.path.startswith("structured:") for other in others):
            return super()._compose_config_from_defaults_list(defaults, repo)  # has more to mend
        place = _place(repo, *((item.config_path, item.package) for item in hydras))
        if place not in self._merged:
            merged = super()._compose_config_from_defaults_list(hydras, repo)
            self._merged[place] = _copies(merged)
        config = self._merged[place]()
        try:
            with flag_override(config, "no_deepcopy_set_nodes", True):
                config.merge_with(*(other.config for other in others))
        except OmegaConfBaseException:  # once more, to be told the file
            return super()._compose_config_from_defaults_list(defaults, repo)
        return config

    def _load_single_config(self, default: ResultDefault, repo: IConfigRepository) -> ConfigResult:
        """A file's content at its place in the configuration, to be taken apart by the caller."""
        place = _place(repo, default.config_path, default.package, default.primary)
        if place not in self._singles:
            self._singles[place] = _copies(super()._load_single_config(default, repo))
        return self._singles[place]()


class _Start(GlobalHydra):
    """Gives Hydra the loader before it composes anything."""

    def initialize(self, hydra: Hydra) -> None:
        hydra.config_loader = Loader(hydra.config_loader.get_search_path())
        super().initialize(hydra)


@contextmanager
def nothing_twice() -> Iterator[None]:
    """Let what Hydra does in here use the loader."""
    before, start = GlobalHydra.instance(), _Start()
    start.clear()  # there is one of each class a process: of an earlier time
    GlobalHydra.set_instance(start)
    try:
        yield
    finally:
        GlobalHydra.set_instance(before)


def _elsewhere(trusted: trust.Trust) -> CheckedLoader:
    """A loader without content in a process that trusts what this one did."""
    trust.become(trusted)
    return object.__new__(CheckedLoader)


def _no_yaml(error: YAMLError, file: Path) -> DataError:
    mark = getattr(error, "problem_mark", None)
    problem = str(getattr(error, "problem", None) or error).splitlines()[0]
    return DataError(f"no YAML: {problem}", file, None if mark is None else mark.line + 1)


def _place(repo: IConfigRepository, *of_them: Any) -> Place:
    return (*map(str, repo.get_sources()), *of_them)


def _copies(value: _Value) -> Callable[[], _Value]:
    """What makes copies of a value as it is now."""
    original = copy.deepcopy(value)
    return lambda: copy.deepcopy(original)
