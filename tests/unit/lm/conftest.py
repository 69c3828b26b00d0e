"""Tiny models with random weights, in folders as the hub has them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import word_models


@pytest.fixture(scope="session")
def tiny_causal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return word_models.save_causal(tmp_path_factory.mktemp("causal"))


@pytest.fixture(scope="session")
def tiny_t5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return word_models.save_t5(tmp_path_factory.mktemp("t5"))


@pytest.fixture(scope="session")
def reference() -> Callable[..., list[int]]:
    """``reference(folder, ids, max_tokens)``: greedy tokens of one prompt, by argmax alone."""
    return word_models.greedy
