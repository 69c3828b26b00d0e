"""Character references: as the standard library reads them, and what it cannot read."""

from __future__ import annotations

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_bench.formats.charrefs import unescape


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("&#" + "1" * 5000 + ";", "\ufffd"),
        ("a&#x" + "f" * 5000 + ";b", "a\ufffdb"),
        ("&#" + "0" * 9000 + "65;", "A"),
        ("&#X" + "0" * 9000 + "41", "A"),
        ("&#" + "9" * 100_000, "\ufffd"),
        ("&#xD800;&#55296;", "\ufffd\ufffd"),
        ("&#0;", "\ufffd"),
        ("&amp;#65;", "&#65;"),
        ("&;&#;&#x;&#xg;", "&;&#;&#x;&#xg;"),
    ],
)
def test_numbers(text: str, plain: str) -> None:
    assert unescape(text) == plain
    plain.encode()


@given(st.text(st.sampled_from("&#xX;0123456789abcdefgltamp "), max_size=40))
def test_as_the_standard_library(text: str) -> None:
    assert unescape(text) == html.unescape(text)
