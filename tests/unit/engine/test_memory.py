from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qa_bench.engine import memory


def test_the_peak_is_that_since_the_reset() -> None:
    memory.reset_peak()
    before = memory.peak_mib()
    held = np.ones(25_000_000)  # 191 MiB
    high = memory.peak_mib()
    assert high >= before + 150
    del held
    assert memory.peak_mib() == high
    memory.reset_peak()
    assert memory.peak_mib() <= high - 100


def test_where_the_system_does_not_tell_it_is_that_of_the_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(memory, "_STATUS", tmp_path / "none")
    monkeypatch.setattr(memory, "_RESET", tmp_path / "none" / "none")
    memory.reset_peak()
    assert memory.peak_mib() > 1
