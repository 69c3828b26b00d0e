"""What stages are given."""

from __future__ import annotations

from pathlib import Path

import pytest

from qa_bench.engine.context import Context
from qa_bench.types import Runtime


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(tmp_path / "cache", Runtime(progress=False))
