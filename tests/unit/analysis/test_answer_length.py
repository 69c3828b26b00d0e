from __future__ import annotations

import pytest

from qa_bench.analysis.answer_length import answer_length


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Holm", "1 word"),
        ("The Beatles", "1 word"),
        ("the", "1 word"),
        ("", "1 word"),
        ("Clara Holm", "2 words"),
        ("May 18 , 2018", "3 words"),
        ("Jean-Luc of the old bridge", "4-5 words"),
        ("one two three four five", "4-5 words"),
        ("one two three four five six", "6+ words"),
    ],
)
def test_words_after_normalisation(answer: str, expected: str) -> None:
    assert answer_length(answer) == expected
