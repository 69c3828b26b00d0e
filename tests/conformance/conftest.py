"""Compose any YAML of ``conf/`` as the command does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from qa_bench.parts import Part, make
from qa_bench.paths import CONF, SAMPLE

Compose = Callable[..., Any]
Make = Callable[..., Part[Any]]


@pytest.fixture(scope="session")
def composed() -> Compose:
    """``composed("retriever=bm25", …)``: the whole configuration."""
    OmegaConf.register_new_resolver("qa_bench.sample", lambda: str(SAMPLE), replace=True)

    def whole(*overrides: str) -> Any:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            return compose("config", list(overrides))

    return whole


@pytest.fixture(scope="session")
def part(composed: Compose) -> Make:
    """``part("chunker", "words", "chunker.size=5")``: one part, with changes."""

    def made(group: str, name: str, *changes: str) -> Part[Any]:
        if group == "metric":
            return make(group, composed(f"+metric@one={name}", *changes).one)
        return make(group, composed(f"{group}={name}", *changes)[group])

    return made
