from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_bench.analysis.question_type import TYPES, question_type


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("who got the first nobel prize in physics", "who"),
        ("Whose bridge is it?", "who"),
        ("To whom did Clara Holm write?", "who"),
        ("Who's there?", "who"),
        ("Who’s there?", "who"),
        ("WHEN is the market held?", "when"),
        ("where do the great lakes meet the ocean", "where"),
        ("How many notebooks do the diaries fill?", "how many"),
        ("how  MUCH does it weigh", "how many"),
        ("How old is the bridge?", "how"),
        ("how", "how"),
        ("In what year did the earthquake in Sichuan occur?", "what"),
        ("what's the capital of Peru", "what"),
        ("Which river? Where?", "which"),
        ("Why not?", "why"),
        ("the man who shot lincoln was named what", "who"),
        ("Name a bird.", "other"),
        ("somewhere over the rainbow singer", "other"),
        ("", "other"),
    ],
)
def test_the_first_question_word(question: str, expected: str) -> None:
    assert question_type(question) == expected


@given(st.text())
def test_every_text_has_a_type(question: str) -> None:
    assert question_type(question) in TYPES
