"""The embedded default asks no one: every connection but the loopback's is refused, and told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bench_helpers import SAMPLE_NQ
from hub import REFUSED, Hub

pytestmark = pytest.mark.java


def test_the_sample_needs_no_network(tmp_path: Path) -> None:
    (tmp_path / "repositories").mkdir()
    words = ("run", *SAMPLE_NQ, "-m", "retriever=minilm,hybrid_linear", "--json")
    with Hub(tmp_path / "repositories") as hub:
        done = hub.python("-m", "qa_bench", *words, home=tmp_path / "home", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert hub.requests == []
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == 2
    assert all(line["answer_recall@20"] > 0.9 for line in lines)


def test_the_guard_guards(tmp_path: Path) -> None:
    (tmp_path / "repositories").mkdir()
    code = "import socket; socket.create_connection(('192.0.2.1', 80), 1)"
    with Hub(tmp_path / "repositories") as hub:
        done = hub.python("-c", code, home=tmp_path / "home", cwd=tmp_path)
    assert done.returncode == REFUSED
