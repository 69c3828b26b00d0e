"""docs/reproductions.md is what tests/reproductions.py makes of today's figures."""

from __future__ import annotations

import reproductions


def test_the_page_is_current() -> None:
    assert reproductions.PAGE.read_text(encoding="utf-8") == reproductions.page(), (
        "run python tests/reproductions.py"
    )
