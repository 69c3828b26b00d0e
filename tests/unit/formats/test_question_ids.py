"""Which questions of a set a foreign file speaks of, where the set is limited."""

from __future__ import annotations

from pathlib import Path

import pytest

from qa_bench.errors import DataError
from qa_bench.formats.question_ids import EntryText, qids_of, qids_of_texts
from qa_bench.types import Question, QuestionSet

FILE = Path("p.jsonl")
WHOLE = tuple(Question(f"a{number}", f"who is {number}?", ("x",)) for number in range(4))
LIMITED = QuestionSet("file", "test", "string", WHOLE[::2], "", rest=WHOLE[1::2])
LIMIT = "is not among the 2 of 4 questions of file test that dataset.limit leaves"


def test_ids_of_questions_that_the_limit_leaves_out() -> None:
    assert qids_of({"a0": 1, "a2": 2}, FILE, LIMITED) == {"a0": "a0", "a2": "a2"}
    with pytest.raises(DataError, match=rf"^p\.jsonl:2: question 'a1' {LIMIT}"):
        qids_of({"a0": 1, "a1": 2}, FILE, LIMITED)
    with pytest.raises(DataError, match="question 'b1' is not in file test"):
        qids_of({"a0": 1, "b1": 2}, FILE, LIMITED)


def test_places_in_a_limited_set_would_be_others() -> None:
    with pytest.raises(DataError, match="by their places in the set, of which dataset"):
        qids_of({"0": 1, "1": 2}, FILE, LIMITED)


def test_places_beyond_the_set() -> None:
    whole = QuestionSet("file", "test", "string", WHOLE, "")
    assert qids_of({"0": 1, "2": 2}, FILE, whole) == {"0": "a0", "2": "a2"}
    with pytest.raises(DataError, match="such as 'a0'; places in the set are counted from 0"):
        qids_of({"1": 1, "4": 2}, FILE, whole)


def test_texts_of_questions_that_the_limit_leaves_out() -> None:
    with pytest.raises(DataError, match=LIMIT):
        qids_of_texts([EntryText("Who is 1?", None, 1)], FILE, LIMITED)
    with pytest.raises(DataError, match="is not in file test"):
        qids_of_texts([EntryText("Who is 9?", None, 1)], FILE, LIMITED)
