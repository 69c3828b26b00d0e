from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_bench.metric.ceiling import Seeker
from qa_bench.metric.matching import MODES, has_answer

WORDS = ["art", "party", "U.S.", "1,234", "Σίσυφος", "é", "e\u0301", "St.", "a", "the", "20°C", "-"]
TEXT = st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join)
PASSAGES = st.lists(st.tuples(TEXT, TEXT), max_size=5)
ANSWER = st.lists(st.sampled_from(WORDS), max_size=2).map(" ".join)


@pytest.mark.parametrize("mode", MODES)
@given(
    st.lists(st.tuples(TEXT, TEXT), max_size=5), st.lists(st.lists(ANSWER, min_size=1), max_size=4)
)
def test_what_is_found_is_what_the_test_of_each_passage_says(
    mode: str, passages: list[tuple[str, str]], answers: list[list[str]]
):
    wanted = {
        number
        for number, several in enumerate(answers)
        if any(has_answer(text, several, mode=mode, title=title) for text, title in passages)
    }
    texts, titles = [text for text, _ in passages], [title for _, title in passages]
    found = Seeker(answers, "string", mode).answered(texts, titles, range(len(answers)))
    assert found == wanted


def test_patterns():
    answers = [[r"19[67]\d"], [r"^Oslo"], [r"("], ["nowhere", "Ros+e"]]
    seeker = Seeker(answers, "regex", "dpr")
    texts = ["It was in 1969.", "a town\nOslo", "rosse"]
    assert seeker.answered(texts, [""] * 3, [0, 1, 2, 3]) == {0, 1, 3}


def test_only_those_asked_are_looked_for():
    seeker = Seeker([["a"], ["a"]], "string", "dpr")
    assert seeker.answered(["a"], ["t"], [1]) == {1}
    assert seeker.answered([], [], [0, 1]) == set()
