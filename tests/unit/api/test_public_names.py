"""The door for Python: its names are these, typed, documented, and cost nothing until used."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import qa_bench

ROOT = Path(__file__).parents[3]
NAMES = [
    *("Hit", "Index", "LoadedChunker", "LoadedReader", "LoadedReranker", "LoadedRetriever"),
    *("Passage", "Results", "Run", "StageFolder", "UserError", "__version__", "answer_spans"),
    *("exact_match", "f1_score", "has_answer", "load", "run", "score_run"),
]


def test_the_public_names_are_these():
    assert qa_bench.__all__ == NAMES
    assert dir(qa_bench) == NAMES


@pytest.mark.parametrize("name", [name for name in NAMES if name != "__version__"])
def test_every_name_is_there_and_documented(name: str):
    value = getattr(qa_bench, name)
    assert inspect.getdoc(value)
    assert f"`{name}" in (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    if inspect.isfunction(value):
        hints = inspect.signature(value, eval_str=False)
        assert hints.return_annotation is not inspect.Signature.empty
        assert all(p.annotation is not p.empty for p in hints.parameters.values())


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'runn'"):
        _ = qa_bench.runn  # type: ignore[attr-defined]


def test_importing_the_package_imports_nothing_of_it():
    script = (
        "import sys; before = set(sys.modules); import qa_bench; print(*set(sys.modules) - before)"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", script], capture_output=True, text=True, cwd=ROOT, check=True
    )
    imported = set(done.stdout.split())
    assert "qa_bench" in imported
    assert not {name for name in imported if name.startswith("qa_bench.")}
    assert not imported & {"numpy", "pyarrow", "hydra", "torch", "regex", "yaml", "pathlib"}
