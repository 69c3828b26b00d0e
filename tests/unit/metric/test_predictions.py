"""Exact match and token F1 of predictions."""

from __future__ import annotations

import pytest

from qa_bench.errors import UserError
from qa_bench.metric.contains import Contains
from qa_bench.metric.em import ExactMatch
from qa_bench.metric.evidence import Evidence
from qa_bench.metric.f1 import TokenF1

ANSWERS = {
    "right": ["Paris", "City of Paris"],
    "half": ["Denver Broncos"],
    "missing": ["Rome"],
    "empty": ["Oslo"],
    "nothing": ["the"],
}
PREDICTIONS = {"right": "the city of paris!", "half": "Broncos", "empty": "", "nothing": ""}


def test_a_missing_prediction_is_wrong_and_stays(make_questions):
    evidence = Evidence(make_questions(ANSWERS), predictions=PREDICTIONS)
    assert ExactMatch().score(evidence)["em"].tolist() == [1, 0, 0, 0, 1]
    assert TokenF1().score(evidence)["f1"].tolist() == pytest.approx([1, 2 / 3, 0, 0, 0])


def test_no_predictions_at_all_are_all_wrong(make_questions):
    evidence = Evidence(make_questions({"q1": ["a b"], "q2": [""]}), predictions={})
    assert ExactMatch().score(evidence)["em"].tolist() == [0, 0]
    assert TokenF1().score(evidence)["f1"].tolist() == [0, 0]


def test_patterns_are_matched_and_have_no_f1(make_questions):
    questions = make_questions({"q1": [r"19\d\d"], "q2": [r"19\d\d"], "q3": ["("]}, "regex")
    evidence = Evidence(questions, predictions={"q1": "1984, perhaps", "q2": "in 1984", "q3": "("})
    assert ExactMatch().score(evidence)["em"].tolist() == [1, 0, 0]
    assert TokenF1().score(evidence) == {}


def test_the_mode_decides(make_questions):
    questions = make_questions({"q1": ["Beyonc\u00e9"]})
    given = {"q1": "Beyonce\u0301"}
    right = {
        mode: ExactMatch().score(Evidence(questions, mode, predictions=given))["em"].tolist()
        for mode in ("dpr", "drqa", "flashrag")
    }
    assert right == {"dpr": [0], "drqa": [1], "flashrag": [0]}


def test_sentences_contain_what_they_are_not(make_questions):
    sentences = {"right": "It is Paris, I think.", "half": "the Broncos", "nothing": "so the end"}
    questions = make_questions({**ANSWERS, "nothing": ["none of it"]})
    for mode in ("dpr", "flashrag", "kilt", "lenient"):
        evidence = Evidence(questions, mode, predictions=sentences)
        assert Contains().score(evidence)["contains"].tolist() == [1, 0, 0, 0, 0]
        assert ExactMatch().score(evidence)["em"].tolist() == [0, 0, 0, 0, 0]
    patterns = make_questions({"q1": [r"19\d\d"], "q2": ["("]}, "regex")
    evidence = Evidence(patterns, predictions={"q1": "back in 1984", "q2": "("})
    assert Contains().score(evidence)["contains"].tolist() == [1, 0]
    assert Contains().heading("contains").title == "contains"


def test_f1_minds_the_mode(make_questions):
    questions = make_questions({"q1": ["yes"], "q2": ["205"]})
    said = {"q1": "yes it is", "q2": "two hundred and five"}
    f1 = {
        mode: TokenF1().score(Evidence(questions, mode, predictions=said))["f1"].tolist()
        for mode in ("dpr", "flashrag", "lenient")
    }
    assert f1 == {"dpr": [0.5, 0], "flashrag": [0, 0], "lenient": [0.5, 1]}


def test_a_pattern_that_takes_too_long_names_its_question(make_questions, monkeypatch):
    monkeypatch.setattr("qa_bench.metric.patterns.PASSAGE_S", 0.05)
    questions = make_questions({"q1": ["x"], "q2": ["(a|aa)+$"]}, "regex")
    said = {"q1": "x", "q2": "a" * 60 + "!"}
    for metric in (ExactMatch(), Contains()):
        with pytest.raises(UserError, match=r"^question q2: the answer pattern '\(a"):
            metric.score(Evidence(questions, predictions=said))


def test_without_predictions_there_is_nothing_to_say(make_questions):
    evidence = Evidence(make_questions({"q1": ["a"]}))
    assert ExactMatch().score(evidence) == {}
    assert TokenF1().score(evidence) == {}
    assert Contains().score(evidence) == {}
