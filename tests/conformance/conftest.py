"""Compose any YAML of ``conf/`` as the command does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from conf_names import NEEDED, inside
from hub import Hub
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from qa_bench.parts import make
from qa_bench.paths import CONF, register_resolvers

Compose = Callable[..., Any]
Make = Callable[..., Any]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub without a model; each file has its own, since stand-ins of one code differ."""
    folder = tmp_path_factory.mktemp("hub")
    (folder / "models").mkdir()
    with Hub(folder) as serving:
        yield serving


@pytest.fixture(scope="session")
def composed() -> Compose:
    """``composed("retriever=bm25", …)``: the whole configuration, which nobody may change."""
    register_resolvers()

    @cache
    def whole(*overrides: str) -> Any:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            config = compose("config", list(overrides))
        OmegaConf.set_readonly(config, True)
        return config

    return whole


@pytest.fixture(scope="session")
def node(composed: Compose) -> Compose:
    """``node("chunker", "words", "chunker.size=5")``: one part's configuration, with changes."""

    def found(group: str, name: str, *changes: str) -> Any:
        changes = (*NEEDED.get((group, name), ()), *changes)
        if inside(group):
            return composed(f"+{group}@one={name}", *changes).one
        return composed(f"{group}={name}", *changes)[group]

    return found


@pytest.fixture(scope="session")
def part(node: Compose) -> Make:
    """``part("chunker", "words", "chunker.size=5")``: one part, with changes."""

    def made(group: str, name: str, *changes: str) -> Any:
        return make(group, node(group, name, *changes))

    return made
