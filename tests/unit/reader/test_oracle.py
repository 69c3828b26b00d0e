from __future__ import annotations

import pytest

from qa_bench.errors import UserError
from qa_bench.metric.em import ExactMatch
from qa_bench.metric.evidence import Evidence
from qa_bench.reader.oracle import Oracle
from qa_bench.store.ranked import Ranked
from qa_bench.types import Run, Runtime

PASSAGES = [("p1", "Paris", "nothing here"), ("p2", "x", "It was in September 1969, in Paris.")]


@pytest.mark.parametrize(
    ("match", "answers", "wanted"),
    [
        ("string", {"q1": ["Rome", "paris"], "q2": ["Oslo"]}, ["paris", ""]),
        ("regex", {"q1": [r"(", r"sept\w+ 19\d\d"], "q2": [r"^Paris"]}, ["September 1969", ""]),
    ],
)
def test_a_gold_answer_where_a_passage_has_one(
    make_passages, make_questions, match: str, answers: dict[str, list[str]], wanted: list[str]
):
    questions, passages = make_questions(answers, match), make_passages(PASSAGES)
    run = Run.of(["q1", "q2"], [["p1", "p2"]] * 2, [[2.0, 1.0]] * 2)
    told = Oracle(depth=2).read(Ranked.of(run, passages, questions, 2), Runtime())
    assert told == wanted
    assert Oracle(depth=1).read(Ranked.of(run, passages, questions, 1), Runtime()) == ["", ""]
    evidence = Evidence(
        questions,
        run=run,
        passages=passages,
        predictions=dict(zip(["q1", "q2"], told, strict=True)),
    )
    assert ExactMatch().score(evidence)["em"].tolist() == (evidence.first_ranks > 0).tolist()


@pytest.mark.parametrize(
    ("mode", "answers", "wanted"),
    [
        ("dpr", ["sept", "Zu.*ch"], "Zürich, Sept 1969, Zürich"),
        ("drqa", ["sept", "Zu.*ch"], "Sept"),
        ("drqa", ["oslo", "sept"], ""),
    ],
)
def test_a_pattern_is_answered_as_the_mode_finds_it_and_the_text_writes_it(
    make_passages, make_questions, mode: str, answers: list[str], wanted: str
):
    passages = make_passages([("p1", "x", "In Zürich, Sept 1969, Zürich.")])
    run = Run.of(["q1"], [["p1"]], [[2.0]])
    ranked = Ranked.of(run, passages, make_questions({"q1": answers}, "regex"), 2)
    assert Oracle(depth=2, mode=mode).read(ranked, Runtime()) == [wanted]


@pytest.mark.parametrize("depth", [0, -1, 1.5, True, "ten", None])
def test_a_depth_that_is_none(depth: object):
    with pytest.raises(UserError, match=r"^reader\.depth: a whole number >= 1, got '\S+'$"):
        Oracle(depth=depth)  # type: ignore[arg-type]
