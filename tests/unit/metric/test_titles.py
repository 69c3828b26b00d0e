"""Hits of gold titles, and recall of all of them, by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qa_bench.metric.evidence import Evidence
from qa_bench.metric.hit import TitleHit
from qa_bench.metric.support_recall import SupportRecall
from qa_bench.types import Heading, Run

HITS = {
    "both": ["rome", "oslo", "rome 2", "paris"],
    "one": ["bern", "paris"],
    "written otherwise": ["zurich"],
    "case counts": ["paris"],
    "no hits": [],
    "no titles": ["paris"],
}
GOLDS = (("Rome", "Paris", "Rome"), ("Paris", "Nowhere"), ("Zu\u0308rich_(city)",), ("paris",),
         ("Paris",), ())  # fmt: skip


@pytest.fixture
def evidence(make_passages, make_questions) -> Evidence:
    titles = {"rome": "Rome", "rome 2": "Rome", "oslo": "Oslo", "paris": "Paris", "bern": "Bern",
              "zurich": "Z\u00fcrich  (city)"}  # fmt: skip
    passages = make_passages([(pid, title, "text") for pid, title in titles.items()])
    scores = [[9.0 - place for place in range(len(pids))] for pids in HITS.values()]
    run = Run.of(list(HITS), list(HITS.values()), scores)
    questions = replace(make_questions(dict.fromkeys(HITS, ("x",))), titles=GOLDS)
    return Evidence(questions, run=run, passages=passages)


def test_a_hit_is_any_gold_title(evidence: Evidence):
    values = TitleHit(k=[2, 1]).score(evidence)
    assert {name: column.tolist() for name, column in values.items()} == {
        "hit@1": [1, 0, 1, 0, 0, 0],
        "hit@2": [1, 1, 1, 0, 0, 0],
    }
    assert TitleHit().heading("hit@5") == Heading("title hit@5", "%")


def test_support_is_all_gold_titles_each_once(evidence: Evidence):
    values = SupportRecall(k=[3, 4]).score(evidence)
    assert {name: column.tolist() for name, column in values.items()} == {
        "support_recall@3": [1 / 2, 1 / 2, 1, 0, 0, 0],
        "support_recall@4": [1, 1 / 2, 1, 0, 0, 0],
    }


def test_questions_without_titles_are_told_once(evidence: Evidence):
    TitleHit().score(evidence)
    SupportRecall().score(evidence)
    assert evidence.remarks == ["1 questions have no gold title and count 0 by titles"]


@pytest.mark.parametrize("metric", [TitleHit(k=[2, 5]), SupportRecall(k=[2, 5])])
def test_nothing_is_said_without_titles_or_beyond_the_search(evidence: Evidence, metric):
    untitled = replace(evidence, questions=replace(evidence.questions, titles=()))
    assert metric.score(untitled) == {}
    assert metric.score(replace(evidence, run=None)) == {}
    assert [name.partition("@")[2] for name in metric.score(replace(evidence, searched=4))] == ["2"]
