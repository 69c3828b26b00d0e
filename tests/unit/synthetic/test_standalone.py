"""Questions that can be asked without their passage, and those that cannot."""

from __future__ import annotations

import pytest

from qa_bench.synthetic.standalone import standalone

ALONE = [
    "Who designed the swing bridge?",
    "When did Clara Holm sell her house?",
    "Who won the Nobel Prize for his work on radium?",
    "Which planet has its axis almost in the plane of its orbit?",
    "Whose brother lost his house in the fire?",
    "when did clara holm sell her house",
    "What is the text of the first amendment?",
    "Who is the author of Hamlet?",
    "_____ sold her house in Oslo to a painter.",
    "The Toll House lost its roof in _____.",
    "What does HTTP stand for?",
]
NOT_ALONE = [
    "Who is the passage about?",
    "What does the text say of Oslo?",
    "According to the article, who was king?",
    "What is mentioned above?",
    "Which river is described in the article?",
    "What did the given people do?",
    "What is this?",
    "Who founded these towns?",
    "When was he born?",
    "What year did he die?",
    "What was his first album?",
    "Who was his wife?",
    "Who did she marry?",
    "When did they move to Oslo?",
    "In what year was it built?",
    "what was his first album",
    "In _____ she became the first woman to be made a professor.",
    "He was born in _____.",
    "Nearer home, it watched the scars left on _____ by a comet.",
    "WHAT DID THE PASSAGE SAY?",
]


@pytest.mark.parametrize("question", ALONE)
def test_it_stands_alone(question: str) -> None:
    assert standalone(question)


@pytest.mark.parametrize("question", NOT_ALONE)
def test_it_does_not(question: str) -> None:
    assert not standalone(question)


@pytest.mark.parametrize("question", ["", "?", "_____", "it", "日本の首都は?"])
def test_whatever_it_is(question: str) -> None:
    assert standalone(question) == (question != "it")
