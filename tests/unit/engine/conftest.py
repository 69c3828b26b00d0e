"""Stages that write a file, and the context that builds them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from qa_bench.engine.context import Context
from qa_bench.engine.stage import Stage
from qa_bench.types import Folder, Runtime, Step


@pytest.fixture
def make_stage() -> Callable[..., Stage]:
    """``make_stage(config={…})``: a search that writes ``out/data.txt``, with some changes."""

    def write(folder: Path, inputs: Mapping[str, Folder]) -> dict[str, Any]:
        (folder / "out").mkdir(exist_ok=True)
        (folder / "out" / "data.txt").write_text("data")
        return {"rows": 4}

    def make(digests: Any = None, **changes: Any) -> Stage:
        contents = {"file0": "abc"} if digests is None else digests
        usual: dict[str, Any] = {
            "name": "search",
            "version": 1,
            "slug": "nq-bm25",
            "config": {"k1": 0.9},
            "inputs": {},
            "digests": contents if callable(contents) else lambda: contents,
            "build": write,
            "plan": lambda load: Step("search", 0, 0, "0.0 GB"),
        }
        return Stage(**{**usual, **changes})

    return make


@pytest.fixture
def run(make_stage: Callable[..., Stage], tmp_path: Path) -> Callable[..., Folder]:
    """``run(config={…})``: what a new process makes of such a stage."""

    def run(stage: Stage | None = None, runtime: Runtime | None = None, **changes: Any) -> Folder:
        return Context(tmp_path, runtime or Runtime()).run(stage or make_stage(**changes))

    return run


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "qa_bench")
    return caplog
