"""Which texts name an article."""

from __future__ import annotations

import pytest

from qa_bench.synthetic.titles import named


@pytest.mark.parametrize(
    ("text", "title", "result"),
    [
        ("Who designed the swing bridge?", "Swing bridge", True),
        ("Who designed the bridge?", "Swing bridge", False),
        ("How far is Mercury from the sun?", "Mercury (planet)", True),
        ("Which planet is it?", "Mercury (planet)", False),
        ("What is in it?", "(planet)", False),
        ("What is (planet)?", "(planet)", True),
        ("Bridges", "Bridge", False),
        ("", "Bridge", False),
        ("Bridge", " ", None),
    ],
)
def test_named(text: str, title: str, result: bool | None) -> None:
    assert named(text, title, "dpr") is result
