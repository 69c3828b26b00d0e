from __future__ import annotations

from pathlib import Path

import pytest
from pretended_encoder import Pretending

from qa_bench.retriever.dense import part as dense


@pytest.fixture
def pretending(monkeypatch: pytest.MonkeyPatch) -> type[Pretending]:
    class Fresh(Pretending):
        seen = []
        width = {}
        broken = {}

    monkeypatch.setattr(dense, "loaded_encoder", Fresh)
    return Fresh


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "index").mkdir()
    return tmp_path / "index"
