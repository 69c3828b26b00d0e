from __future__ import annotations

from dataclasses import replace

import pytest

from qa_bench.metric.evidence import Evidence
from qa_bench.metric.reading import Reading
from qa_bench.types import Run

HITS = {
    "retrieved and read": ["p0", "p1"],
    "retrieved, not read": ["p0", "p1"],
    "read, not retrieved": ["p1", "p2"],
    "neither": ["p1"],
    "too deep": ["p1", "p2", "p0"],
    "by heart": [],
    "unanswered": ["p0"],
}
GIVEN = {
    "retrieved and read": "the Answer",
    "retrieved, not read": "nothing",
    "read, not retrieved": "answer",
    "neither": "nothing",
    "too deep": "answer",
    "by heart": "answer",
}


@pytest.fixture
def evidence(make_passages, make_questions) -> Evidence:
    passages = make_passages([("p0", "", "the answer"), ("p1", "", "one"), ("p2", "", "two")])
    scores = [[9.0 - place for place in range(len(pids))] for pids in HITS.values()]
    run = Run.of(list(HITS), list(HITS.values()), scores)
    questions = make_questions(dict.fromkeys(HITS, ("answer",)))
    return Evidence(questions, run=run, passages=passages, predictions=GIVEN, read=2)


@pytest.mark.parametrize(
    ("depth", "missed", "unexplained"),
    [
        (0, [], ["retrieved and read", "read, not retrieved", "too deep", "by heart"]),
        (2, ["retrieved, not read", "unanswered"], ["read, not retrieved", "too deep", "by heart"]),
        (3, ["retrieved, not read", "unanswered"], ["read, not retrieved", "by heart"]),
    ],
)
def test_what_was_looked_at_counts(
    evidence: Evidence, depth: int, missed: list[str], unexplained: list[str]
):
    values = Reading().score(replace(evidence, read=depth))
    named = {
        name: [qid for qid, value in zip(HITS, column, strict=True) if value]
        for name, column in values.items()
    }
    assert named == {"retrieved_not_read": missed, "read_not_retrieved": unexplained}


def test_without_a_reader_there_is_nothing_to_say(evidence: Evidence):
    for other in (
        replace(evidence, predictions=None),
        replace(evidence, read=None),
        replace(evidence, run=None),
        replace(evidence, questions=replace(evidence.questions, qrels={})),
    ):
        assert Reading().score(other) == {}
