"""What stages are given, and what runs them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from qa_bench.engine.context import Context
from qa_bench.engine.stage import Stage
from qa_bench.types import Folder, Runtime


@pytest.fixture
def context(tmp_path: Path) -> Context:
    """Where the stages of a test lie, and how they work."""
    return Context(tmp_path / "cache", Runtime(progress=False))


@pytest.fixture
def run(context: Context) -> Callable[[Stage], Folder]:
    """``run(stage)``: what another process makes of it."""
    return lambda stage: Context(context.cache, context.runtime).run(stage)
