from __future__ import annotations

from dataclasses import replace

import pytest

from qa_bench.errors import UserError
from qa_bench.metric.evidence import Evidence
from qa_bench.metric.word_recall import WordRecall
from qa_bench.types import Run

TEXTS = ["one two three", "the answer", "  an   answer\there ", "nothing"]


@pytest.fixture
def evidence(make_passages, make_questions) -> Evidence:
    passages = make_passages([(f"p{i}", "a long title", text) for i, text in enumerate(TEXTS)])
    hits = {
        "five": ["p0", "p1", "p2"],
        "two": ["p1", "p0"],
        "three": ["p2"],
        "none": ["p0", "p3"],
        "no hits": [],
    }
    scores = [[9.0 - place for place in range(len(pids))] for pids in hits.values()]
    run = Run.of(list(hits), list(hits.values()), scores)
    return Evidence(make_questions(dict.fromkeys(hits, ("answer",))), run=run, passages=passages)


def test_passages_are_read_whole_and_best_first(evidence: Evidence):
    values = WordRecall(words=[5, 1, 2, 3, 4]).score(evidence)
    assert {name: column.tolist() for name, column in values.items()} == {
        "word_recall@1": [0, 0, 0, 0, 0],
        "word_recall@2": [0, 1, 0, 0, 0],
        "word_recall@3": [0, 1, 1, 0, 0],
        "word_recall@4": [0, 1, 1, 0, 0],
        "word_recall@5": [1, 1, 1, 0, 0],
    }


def test_nothing_is_said_of_words_a_search_was_not_deep_enough_to_read(evidence: Evidence):
    """Of "none" two hits were asked for and read: four words, and a third might have answered."""
    asked = replace(evidence, searched=2)
    assert list(WordRecall(words=[3, 4, 5]).score(asked)) == ["word_recall@3", "word_recall@4"]
    deeper = replace(evidence, searched=3)
    assert list(WordRecall(words=[4, 5]).score(deeper)) == ["word_recall@4", "word_recall@5"]


def test_without_a_run_there_is_no_value(make_questions):
    assert WordRecall().score(Evidence(make_questions({"q": ["a"]}), predictions={"q": "a"})) == {}


@pytest.mark.parametrize("words", [[], [0], [100, -1]])
def test_bad_budgets(words: list[int]):
    with pytest.raises(UserError, match="word_recall"):
        WordRecall(words=words)
