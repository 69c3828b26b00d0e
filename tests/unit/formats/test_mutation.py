"""A short run of ``tests/mutation.py``; by hand it goes over 200,000 inputs and more."""

from __future__ import annotations

import logging
from pathlib import Path

import mutation
import pytest


def test_a_mutated_file_is_read_or_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.CRITICAL)
    result = mutation.run(1500, 12, tmp_path)
    assert not result.faults, result.faults[0]
    names = {kind.name for kind in mutation.KINDS}
    assert set(result.read) == names
    assert set(result.refused) == names - {"pages.xml"}, "whose pages are told one by one"
