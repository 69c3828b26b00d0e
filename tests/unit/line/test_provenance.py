from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from omegaconf import OmegaConf

from qa_bench.engine.context import Context
from qa_bench.engine.stage import Stage
from qa_bench.errors import UserError
from qa_bench.line.provenance import _files, _word, settings
from qa_bench.types import Runtime, Step


def test_settings_are_resolved_without_what_changes_no_figure() -> None:
    config = OmegaConf.create(
        {
            "depth": 100,
            "paths": {"data": "d", "raw": "${paths.data}/raw"},
            "retriever": {"k1": 0.9, "about": {"description": "x"}, "parts": ["${depth}", 2]},
            "dataset": {"splits": {"test": {"count": 3}}},
            "runtime": {"threads": 3},
            "statistics": {"alpha": 0.05},
            "export": {"out": "x"},
        }
    )
    assert settings(config) == {
        "depth": 100,
        "paths": {"data": "d", "raw": "d/raw"},
        "retriever": {"k1": 0.9, "parts": [100, 2]},
        "dataset": {},
    }


def test_no_secret_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "sk-very-secret")
    home = str(Path.home())
    config = OmegaConf.create(
        {
            "reader": {
                "lm": {
                    "key": "${oc.env:SOME_KEY}",
                    "api_key": "sk-also",
                    "key_from": "SOME_KEY",
                    "header": "Bearer ${oc.env:SOME_KEY}",
                    "url": "https://me:sk-login@host/v1?key=sk-query",
                    "max_tokens": 5,
                    "end_token": False,
                },
            },
            "paths": {"raw": f"{home}/data", "near": f"{home}-not"},
        }
    )
    whole = settings(config)
    assert "sk-" not in str(whole)
    lm = whole["reader"]["lm"]
    assert (lm["key"], lm["api_key"], lm["max_tokens"]) == ("…", "…", 5)
    assert (lm["key_from"], lm["end_token"]) == ("SOME_KEY", False)
    assert lm["header"] == "Bearer ${oc.env:SOME_KEY}"
    assert lm["url"].startswith("https://host/v1")
    assert whole["paths"] == {"raw": "~/data", "near": f"{home}-not"}


def test_no_certificate_of_a_file_that_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "corpus.jsonl"
    path.write_text("one")
    context = Context(tmp_path / "cache", Runtime())
    stage = Stage(
        *("chunk", 1, "x", {}, {}),
        lambda: {"file": context.digests.of([path])[0]},
        lambda folder, inputs: {},
        lambda load: Step("chunk", 0, 0, ""),
    )
    line: Any = SimpleNamespace(context=context)
    (entry,) = _files(line, [stage])
    assert entry["digest"]["sha256"] == hashlib.sha256(b"one").hexdigest()
    path.write_text("another")
    with pytest.raises(UserError, match=r"corpus\.jsonl: changed while the line ran"):
        list(_files(line, [stage]))


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("retriever.k1=3", "retriever.k1=3"),
        ("+reader.lm.api_key=sk-x", "+reader.lm.api_key=…"),
        ("reader.lm.url=https://a:b@c/v1", "reader.lm.url=https://c/v1"),
        ("reader.lm.max_tokens=3", "reader.lm.max_tokens=3"),
    ],
)
def test_the_command_has_none_either(word: str, shown: str) -> None:
    assert _word(word) == shown
