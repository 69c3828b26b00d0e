"""The reader that asks for citations, and what becomes of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qa_bench.errors import UserError
from qa_bench.parts import Part
from qa_bench.reader.cited import Cited, citations
from qa_bench.store.ranked import Ranked
from qa_bench.types import Reply, Runtime

PROMPT = "{passages}\n{question}"


class Model(Part):
    def __init__(self, *replies: str) -> None:
        self.replies, self.prompts = replies, []

    def generate(self, prompts: Any, runtime: Runtime) -> list[Reply]:
        self.prompts += prompts
        return [Reply(text, 3, 1) for text in self.replies]


def test_citations_are_taken_out_of_the_answer(make_questions: Any) -> None:
    ranked = Ranked(
        make_questions({"q1": ["a"], "q2": ["b"], "q3": ["c"]}),
        np.array([0, 0, 0, 2]), np.arange(4), np.ones(4, np.float32),
        ["first", "second", "third", "fourth"], ["T1", "T2", "T3", "T4"],
    )  # fmt: skip
    lm = Model("Answer: Paris [2].", "Rome", "Oslo [1][7]")
    answers = Cited(lm, PROMPT, depth=2).read(ranked, Runtime(progress=False))
    assert lm.prompts[0] == "[1] T1\nfirst\n\n[2] T2\nsecond\ntext of q1"
    assert answers == ["Paris", "Rome", "Oslo"]
    assert answers.cited == {0: [2], 2: [1]}, "q3 has one passage"
    assert answers.costs == {"prompt_tokens": 9, "completion_tokens": 3}


@pytest.mark.parametrize(
    ("reply", "ranks"),
    [
        ("Paris [1]", [1]),
        ("Paris [3, 1]; and [1]", [1, 3]),
        ("Paris [1; 2]", [1, 2]),
        ("[0] [6]", []),
        ("in 1999 (1)", []),
        ("[sic]", []),
    ],
)
def test_what_is_a_citation(reply: str, ranks: list[int]) -> None:
    assert citations(reply, 5) == ranks


def test_passages_need_a_number() -> None:
    with pytest.raises(UserError, match=r"reader.passage has no {rank} in it"):
        Cited(Model(), PROMPT, passage="{text}")
