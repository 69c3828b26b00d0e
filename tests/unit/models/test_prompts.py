"""Templates: what is filled in is never filled itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_bench.errors import UserError
from qa_bench.models.prompts import PassageTemplate, filled
from qa_bench.store.ranked import Ranked


@given(question=st.text(), text=st.text())
def test_filled(question: str, text: str) -> None:
    template = '{"q": "{question}"} {other} {} {text}{question.__class__}'
    wanted = '{"q": "' + question + '"} {other} {} ' + text + "{question.__class__}"
    assert filled(template, question=question, text=text) == wanted


def test_passages(make_questions: Any) -> None:
    ranked = Ranked(
        make_questions({"q": ["x"]}), np.zeros(3, int), np.arange(3), np.ones(3, np.float32),
        ["one two three", "{rank} \\1", "three"], ["A", "B", "C"],
    )  # fmt: skip
    some = PassageTemplate("[{rank}] {title}: {text}", " | ", 2)
    assert some.of(ranked, [1, 0]) == "[1] B: {rank} \\1 | [2] A: one two"
    assert (
        PassageTemplate("{text}", "\n", None).of(ranked, range(3))
        == "one two three\n{rank} \\1\nthree"
    )
    assert some.of(ranked, range(0)) == ""


@pytest.mark.parametrize(
    ("passages", "message"),
    [
        (PassageTemplate("{title}", "", None), "no {text}"),
        (PassageTemplate("{text}", "", 0), r"reader\.words"),
    ],
)
def test_refused(passages: PassageTemplate, message: str) -> None:
    with pytest.raises(UserError, match=message):
        passages.check("reader")
