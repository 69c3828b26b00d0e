from __future__ import annotations

from dataclasses import replace
from typing import Any

from qa_bench.metric.cited_contains import CitedContains
from qa_bench.metric.evidence import Evidence
from qa_bench.types import Run


def test_an_answer_stands_in_a_passage_that_it_cites(make_passages: Any, make_questions: Any):
    passages = make_passages([("a", "", "It is in Paris."), ("b", "", "filler"), ("c", "", "Rome")])
    names = [
        "right",
        "wrong but there",
        "elsewhere",
        "second",
        "none",
        "empty",
        "beyond",
        "by heart",
    ]
    run = Run.of(names[:7], [["a", "b", "c"]] * 7, [[3.0, 2.0, 1.0]] * 7)
    predictions = dict.fromkeys(names, "Paris") | {"wrong but there": "Rome", "empty": ""}
    cited = {"right": [1], "wrong but there": [3], "elsewhere": [2], "second": [1, 2],
             "empty": [1], "beyond": [4], "by heart": [1]}  # fmt: skip
    evidence = Evidence(
        make_questions(dict.fromkeys(names, ("Paris",))),
        run=run,
        passages=passages,
        predictions=predictions,
        cited=cited,
    )
    values = CitedContains().score(evidence)
    assert {name: column.tolist() for name, column in values.items()} == {
        "cites": [1, 1, 1, 1, 0, 1, 1, 1],
        "cited_contains": [1, 1, 0, 1, 0, 0, 0, 0],
    }
    assert CitedContains().heading("cited_contains").title == "in a cited passage"
    for other in (replace(evidence, cited={}), replace(evidence, cited=None)):
        assert CitedContains().score(other) == {}
