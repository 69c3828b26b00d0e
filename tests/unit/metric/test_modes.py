"""What is peculiar to single modes, after the references' code; and mode lenient, by hand."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from test_matching import answer_lists, texts

from qa_bench.metric.matching import MODES, contains_answer, exact_match, f1_score, has_answer
from qa_bench.text import nfd

COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "São Tomé") for form in ("NFC", "NFD"))


@pytest.mark.parametrize(
    ("prediction", "pattern"),
    [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED), (COMPOSED, "S.{2}o Tome"), (COMPOSED, "Sã.+")],
)
def test_drqa_puts_patterns_and_predictions_into_nfd(prediction: str, pattern: str):
    """``scripts/pipeline/eval.py`` normalises both; DPR and others take them as they are."""
    assert exact_match(prediction, [pattern], "regex", "drqa")
    alike = unicodedata.is_normalized("NFC", prediction) == unicodedata.is_normalized(
        "NFC", pattern
    )
    assert exact_match(prediction, [pattern], "regex", "dpr") is (alike and "{" not in pattern)


def test_kilt_knows_no_blank_answers_and_no_blank_predictions():
    """``get_gold_answers`` of ``kilt/eval_downstream.py``; passages keep their empty answers."""
    assert not exact_match("The", ["", " ", "Paris"], mode="kilt")
    assert exact_match("The", ["", "Paris"], mode="dpr")
    assert exact_match("The", ["a"], mode="kilt"), "not blank, though nothing is left of it"
    for blank in ("", " \t"):
        assert not exact_match(blank, ["The"], mode="kilt")
        assert not exact_match(blank, [".*"], "regex", "kilt")
        assert not contains_answer(blank, ["The"], mode="kilt")
        assert exact_match(blank, ["The"], mode="dpr")
    assert not exact_match("Paris", ["", " "], mode="kilt")
    assert f1_score("Paris", ["", "Paris"], "kilt") == 1
    assert f1_score("Paris", [""], "kilt") == 0


@pytest.mark.parametrize(
    ("prediction", "answer", "flashrag", "dpr"),
    [
        ("yes", "Yes!", 1, 1),
        ("yes", "yes it is", 0, 0.5),
        ("no, it is not", "no", 0, 0.4),
        ("noanswer", "noanswer here", 0, 2 / 3),
        ("yes no", "no", 0, 2 / 3),
        ("yes it is", "yes it was", 2 / 3, 2 / 3),
    ],
)
def test_flashrag_f1_of_yes_and_no(prediction: str, answer: str, flashrag: float, dpr: float):
    assert f1_score(prediction, [answer], "flashrag") == pytest.approx(flashrag)
    assert f1_score(prediction, [answer]) == f1_score(prediction, [answer], "kilt")
    assert f1_score(prediction, [answer]) == pytest.approx(dpr)


@pytest.mark.parametrize(
    ("prediction", "answers", "match", "containing"),
    [
        ("It was the Eiffel Tower.", ["eiffel tower"], "string", set(MODES)),
        ("They are dogs", ["dog"], "string", {"flashrag", "kilt"}),
        ("Some 1,234,567 people", ["234"], "string", set(MODES) - {"drqa", "lenient"}),
        ("There are two of them", ["2"], "string", {"lenient"}),
        ("in the U.S.", ["US"], "string", {"flashrag", "kilt"}),
        ("Paris or London", ["London", "Paris"], "string", set(MODES)),
        ("in Sept. 1999", ["Sept(ember)?"], "regex", set(MODES)),
        ("in the U.S.", [r"U\.S"], "regex", set(MODES) - {"flashrag"}),
        ("in the U.S.", ["xx", "in us"], "regex", {"flashrag"}),
        ("in Rome", ["xx", "Rome"], "regex", set(MODES) - {"drqa"}),
        ("", ["Paris"], "string", set()),
    ],
)
def test_what_a_prediction_contains(
    prediction: str, answers: list[str], match: str, containing: set[str]
):
    assert containing == {
        mode for mode in MODES if contains_answer(prediction, answers, match, mode)
    }


@given(texts, answer_lists)
def test_what_is_right_in_dpr_and_drqa_is_right_in_lenient(prediction: str, answers: list[str]):
    right = exact_match(prediction, answers) or exact_match(prediction, answers, mode="drqa")
    assert exact_match(prediction, answers, mode="lenient") or not right
    assert f1_score(prediction, answers, "lenient") >= f1_score(nfd(prediction), answers) - 1e-9


@pytest.mark.parametrize(
    ("prediction", "answer", "right"),
    [
        ("two", "2", True),
        ("1,000", "one thousand", True),
        ("March 5, 1999", "5 March 1999", True),
        ("the 5th of March, 1999", "1999-03-05", True),
        ("fifth", "5th", True),
        ("5", "5th", False),
        ("March 5, 1999", "March 6, 1999", False),
        ("Jean-Luc", "Jean Luc", True),
        ("U.S.", "US", True),
        ("1,000", "1,00", False),
    ],
)
def test_lenient_exact_match(prediction: str, answer: str, right: bool):
    assert exact_match(prediction, [answer], mode="lenient") is right
    assert exact_match(answer, [prediction], mode="lenient") is right
    assert (f1_score(prediction, [answer], "lenient") == 1) is right


def test_lenient_finds_dates_and_their_pieces_in_passages():
    text = "It opened on March 5, 1999, after twenty-one years."
    for answer in ("5 March 1999", "March 5th", "March 1999", "1999", "21 years", "5th of March"):
        assert has_answer(text, [answer], mode="lenient"), answer
    for answer in ("5", "20", "1 year", "6 March"):
        assert has_answer(text, [answer], mode="lenient") is (answer == "5"), answer


def test_japanese_and_chinese_words_are_no_tokens_of_their_own():
    """DPR's tokens are runs of letters, and these languages write no spaces."""
    for mode in ("dpr", "drqa", "pyserini", "lenient"):
        assert not has_answer("首都は東京です。", ["東京"], mode=mode)
        assert has_answer("東京、日本", ["東京"], mode=mode), "alone between marks"
    assert has_answer("首都は東京です。", ["東京"], mode="kilt")
