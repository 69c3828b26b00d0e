"""Listwise reranking: windows from the end, replies repaired as RankGPT does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ranked_hits import ranked

from qa_bench.errors import UserError
from qa_bench.parts import Part
from qa_bench.reranker.llm import ListwiseReranker, permutation
from qa_bench.store.ranked import Ranked
from qa_bench.types import Prompt, Reply, Runtime

QUIET = Runtime(progress=False)
PROMPT = "{number} for {question}\n{passages}"


class Sorter(Part):
    """Puts the passages of a window in the order of the numbers they hold, largest first."""

    def __init__(self, failing: str = "none") -> None:
        self.failing = failing
        self.calls: list[list[Prompt]] = []

    def generate(self, prompts: Sequence[Prompt], runtime: Runtime) -> list[Reply]:
        self.calls.append(list(prompts))
        return [self._one(prompt) for prompt in prompts]

    def _one(self, prompt: Prompt) -> Reply:
        if not isinstance(prompt, str):
            return Reply("")
        if self.failing in prompt:
            return Reply("", error="status 500")
        found = re.findall(r"\[(\d+)\] Title: \w+ Content: (\d+)", prompt)
        best = sorted(found, key=lambda pair: -int(pair[1]))
        return Reply(" > ".join(f"[{rank}]" for rank, _ in best))


def ranked_of(*worths: Sequence[int]) -> Ranked:
    """One question a list; its hits hold these numbers."""
    hits = [[("T", str(worth)) for worth in some] for some in worths]
    return ranked([f"question {n}" for n in range(len(worths))], hits)


def rank_gpt(worths: Sequence[int], window: int, step: int) -> list[int]:
    """The windows of the authors' code: worths in the order it ends with."""
    order = list(worths)
    end, start = len(order), len(order) - window
    while start >= 0:
        order[start:end] = sorted(order[start:end], key=lambda worth: -worth)
        end -= step
        start -= step
    return order


def order_of(scores: np.ndarray, worths: Sequence[int]) -> list[int]:
    return [worths[place] for place in np.argsort(-scores, kind="stable")]


@given(st.permutations(range(30)), st.integers(0, 2), st.sampled_from([(10, 5), (6, 3), (4, 4)]))
def test_windows_are_rank_gpts(worths: list[int], more: int, sizes: tuple[int, int]) -> None:
    window, step = sizes
    some = worths[: window + more * step]
    reranker = ListwiseReranker(Sorter(), PROMPT, window=window, step=step)
    scores = reranker.rerank(ranked_of(some), QUIET)
    assert sorted(scores) == list(range(len(some)))
    assert order_of(scores, some) == rank_gpt(some, window, step)


@given(st.lists(st.integers(0, 99), max_size=30, unique=True))
def test_the_best_comes_first(worths: list[int]) -> None:
    """Also where the authors' windows would leave the first hits out."""
    lm = Sorter()
    scores = ListwiseReranker(lm, PROMPT, window=8, step=4).rerank(ranked_of(worths), QUIET)
    if worths:
        assert order_of(scores, worths)[:4] == sorted(worths, reverse=True)[:4]
    if len(worths) < 2:
        assert lm.calls == []


def test_questions_go_together() -> None:
    lm = Sorter()
    worths = [[1, 2], [5], [], [3, 9, 4, 1, 8, 7]]
    scores = ListwiseReranker(lm, PROMPT, window=4, step=2).rerank(ranked_of(*worths), QUIET)
    assert [len(call) for call in lm.calls] == [2, 1]
    assert lm.calls[0][0] == "2 for question 0\n[1] Title: T Content: 1\n\n[2] Title: T Content: 2"
    assert scores.dtype == np.float32
    assert scores.tolist() == [0, 1, 0, *[2, 5, 1, 0, 4, 3]]


DIALOGUE = [
    {"user": "{number} for {question}. \n"},
    {"assistant": "Please."},
    {"user": "[{rank}] {passage}"},
    {"assistant": "Received [{rank}]."},
    {"user": "Rank the {number} for {question}."},
]


def test_a_dialogue_has_a_message_a_passage() -> None:
    lm = Sorter()
    hits = [[("Faust", "a {rank}  play\nby Goethe"), ("", "no title"), ("A b", "c d e f")]]
    ListwiseReranker(lm, DIALOGUE, words=5).rerank(ranked(["who?"], hits), QUIET)
    [[asked]] = lm.calls
    assert asked == (
        ("user", "3 for who?. \n"),
        ("assistant", "Please."),
        ("user", "[1] Title: Faust Content: a {rank}"),
        ("assistant", "Received [1]."),
        ("user", "[2] no title"),
        ("assistant", "Received [2]."),
        ("user", "[3] Title: A b Content: c"),
        ("assistant", "Received [3]."),
        ("user", "Rank the 3 for who?."),
    )


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ([{"user": "{question}"}], r"one with \{rank\} and \{passage\}"),
        ([{"user": "{rank} {passage}"}], r"a message with \{question\}"),
        ([{"user": "{question} {passage} {rank}"}, {"assistant": "well"}], "the last message"),
        ([{"system": "{question}"}], r"messages such as .*, got '\{'system'"),
        ([{"user": "a", "assistant": "b"}], "messages such as"),
        (["{question}"], "messages such as"),
        ([], "needs a message"),
        (7, "a text, or messages"),
    ],
)
def test_dialogues_that_are_none(prompt: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        ListwiseReranker(Sorter(), prompt)


def test_depth() -> None:
    scores = ListwiseReranker(Sorter(), PROMPT, depth=2).rerank(ranked_of([1, 2, 3]), QUIET)
    assert scores.tolist() == [0, 1, -np.inf]


def test_a_failed_question_ends_it_after_the_others() -> None:
    lm = Sorter(failing="question 1")
    three = ranked_of([1, 2, 3, 4], [1, 2], [4, 3, 2, 1])
    with pytest.raises(UserError, match=r"1 of 3 questions failed \(status 500\): q1; .* again"):
        ListwiseReranker(lm, PROMPT, window=3, step=2).rerank(three, QUIET)
    assert [len(call) for call in lm.calls] == [3, 2], "the others have all their replies"


@pytest.mark.parametrize(
    ("reply", "order"),
    [
        ("[2] > [3] > [1]", [1, 2, 0]),
        ("[3]", [2, 0, 1]),
        ("", [0, 1, 2]),
        ("[2] > [2] > [1] > [2]", [1, 0, 2]),
        ("[7] > [0] > [3] > [-1]", [2, 0, 1]),
        ("I would say 3, then 1.", [2, 0, 1]),
        ("[1] > [2] > [" + "9" * 5000, [0, 1, 2]),
        ("[²] > [٣] > [2]", [1, 0, 2]),
    ],
)
def test_repaired(reply: str, order: list[int]) -> None:
    assert permutation(reply, 3) == order


@given(st.text(alphabet="[]>0123456789 x,-"), st.integers(0, 25))
def test_always_a_permutation(reply: str, count: int) -> None:
    assert sorted(permutation(reply, count)) == list(range(count))


@pytest.mark.parametrize(
    "settings",
    [{"depth": 0}, {"keep": 0}, {"keep": 101}, {"window": 1}, {"window": True}, {"step": 21},
     {"words": 0}, {"lm": None},
     {"prompt": "{question}"}, {"passage": "{title}"}, {"passage": "[{rank}] {text}"}],
)  # fmt: skip
def test_settings(settings: dict[str, Any]) -> None:
    [name] = settings
    with pytest.raises(UserError, match=rf"reranker\.{name}"):
        ListwiseReranker(**{"lm": Sorter(), "prompt": PROMPT, **settings})
