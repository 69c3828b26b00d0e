from __future__ import annotations

import json

import pytest

from qa_bench.formats.answers import (
    DECODER,
    answer_list,
    cell_answers,
    look_like_patterns,
    loose,
    plain,
)


@pytest.mark.parametrize(
    ("value", "answers"),
    [
        ("Paris", ["Paris"]),
        (["Paris", "Rome"], ["Paris", "Rome"]),
        ('["alpha", "the alpha"]', ["alpha", "the alpha"]),
        ("['alpha', \"it's\"]", ["alpha", "it's"]),
        (' ["a"] \n', ["a"]),
        ('["a", 1999]', ["a", "1999"]),
        ("[]", []),
        ("[sic] a note [1]", ["[sic] a note [1]"]),
        ("[256kn + 1, 256k(n + 1) − 1]", ["[256kn + 1, 256k(n + 1) − 1]"]),
        (r"[a-z]\d+", [r"[a-z]\d+"]),
        (r"['\d+']", [r"\d+"]),
        (["[1-9]"], ["[1-9]"]),
        (1999, ["1999"]),
        ([7, "seven"], ["7", "seven"]),
        ([], []),
    ],
)
def test_answers_in_every_form(value: object, answers: list[str]):
    assert answer_list(value) == answers


def test_a_number_stays_as_it_was_written():
    row = DECODER.decode('{"answers": [3.10, 1e3, -0.5]}')
    assert answer_list(row["answers"]) == ["3.10", "1e3", "-0.5"]
    assert answer_list(DECODER.decode("3.10")) == ["3.10"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "must be a list of strings, found nothing"),
        (True, "found bool"),
        ({"a": 1}, "found dict"),
        (["a", None], "found nothing in it"),
        (["a", True], "found bool in it"),
        ([["a"]], "found list in it"),
        ("[[1], 'a']", "found list in it"),
        ("[12, 13]", "are numbers in brackets"),
        (['["a", "b"]'], "hold a list that is written as text"),
        ("['alpha' 'the alpha']", "lack a comma between two strings"),
        ("['a'\n 'b']", "lack a comma"),
    ],
)
def test_what_is_no_answer(value: object, message: str):
    with pytest.raises(ValueError, match=message.replace("[", r"\[")):
        answer_list(value)


def test_texts_with_quotes_side_by_side_are_no_missing_comma():
    text = """["a' 'b", 'c" "d']"""
    assert cell_answers(text) == ["a' 'b", 'c" "d']


@pytest.mark.parametrize(
    "cell", ["Paris", "", "['a'", "('a',)", "{'a'}", "[" * 100_000 + "]" * 100_000]
)
def test_a_cell_that_holds_no_list(cell: str):
    with pytest.raises(ValueError, match="are not a list literal"):
        cell_answers(cell)


def test_patterns_are_known_by_their_marks():
    patterns = [[r"(Jan|Feb)\.? 1st"], ["19[0-9]{2}"], ["Oslo"]]
    strings = [["C++ (language)"], ["St. Louis"], ["What? Where?"], ["$1.50"], ["U.S."]] * 3
    assert look_like_patterns(patterns)
    assert not look_like_patterns(strings)
    assert not look_like_patterns([])


def test_questions_as_files_agree_on_them():
    assert plain(" who’s first ") == "who's first"
    assert loose("Who’s  first ?") == loose("who's first") == "who's first"
    assert loose(json.loads('"Stra\\u00dfe?"')) == "strasse"
