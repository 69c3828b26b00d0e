"""questions ─expand─► searches: what is kept of an expander, and what a search sees of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from identified import identified

from qa_bench.engine.context import Context
from qa_bench.engine.stage import Stage
from qa_bench.errors import UserError
from qa_bench.parts import Part
from qa_bench.stages.expand import SEARCHES_FILE, Wording, expand
from qa_bench.store.columns import read_columns
from qa_bench.types import Folder, QuestionSet, Runtime, Search

RunStage = Callable[[Stage], Folder]


class Doubling(Part):
    """A search as it is, and one with every text twice and a passage beside the first."""

    search_only = frozenset({"fusion"})
    searches: tuple[str, ...] = ("same", "twice")

    def __init__(self) -> None:
        self.calls = 0

    def expand(self, questions: QuestionSet, runtime: Runtime) -> dict[str, Search]:
        self.calls += 1
        texts = tuple(question.text for question in questions)
        beside = (("made up", "é"), *(() for _ in texts[1:]))
        return {"same": Search(texts), "twice": Search(tuple(f"{t} {t}" for t in texts), beside)}


@pytest.fixture
def questions(make_questions: Callable[..., QuestionSet]) -> QuestionSet:
    return make_questions({"q1": ["x"], "q2": ["y"]})


@pytest.fixture
def stage(questions: QuestionSet, context: Context) -> Callable[..., Stage]:
    """``stage(expander)``: the stage, for these questions or others."""

    def made(expander: Part, of: QuestionSet = questions, **settings: Any) -> Stage:
        return expand(of, identified(expander, **settings), "double", context)  # type: ignore[arg-type]

    return made


def test_every_search_is_kept(stage: Callable[..., Stage], run: RunStage) -> None:
    folder = run(stage(Doubling()))
    assert read_columns(folder.path / SEARCHES_FILE) == {
        "qid": ["q1", "q2"],
        "same.text": ["text of q1", "text of q2"],
        "same.beside": [[], []],
        "twice.text": ["text of q1 text of q1", "text of q2 text of q2"],
        "twice.beside": [["made up", "é"], []],
    }
    assert folder.manifest["counts"] == {"questions": 2, "searches": 2}
    assert folder.path.name.startswith("set-test-double-")


def test_a_search_is_worded_by_it(
    stage: Callable[..., Stage], run: RunStage, questions: QuestionSet
) -> None:
    expansion = stage(Doubling())
    inputs = {"searches": run(expansion)}
    same, twice = (Wording(questions, expansion, label) for label in Doubling.searches)
    assert same.open(inputs) == questions
    worded = twice.open(inputs)
    assert [question.text for question in worded] == ["text of q1 text of q1",
                                                      "text of q2 text of q2"]  # fmt: skip
    assert [question.answers for question in worded] == [("x",), ("y",)], "answers stay"
    assert worded.beside == (("made up", "é"), ())
    assert (twice.config, twice.inputs) == ({"search": "twice"}, {"searches": expansion})


def test_without_an_expander_nothing_is_worded(questions: QuestionSet) -> None:
    plain = Wording(questions)
    assert plain.open({}) is questions
    assert (plain.config, plain.inputs) == ({}, {})


def test_what_is_seen_of_a_set_are_its_ids_and_texts(questions: QuestionSet) -> None:
    first, second = questions.questions
    seen = Wording(questions).digest()
    for other in (first._replace(text="x"), first._replace(qid="x")):
        assert Wording(replace(questions, questions=(other, second))).digest() != seen
    assert Wording(replace(questions, questions=(second, first))).digest() != seen
    other = first._replace(answers=("other",))
    assert Wording(replace(questions, questions=(other, second))).digest() == seen


def test_it_is_asked_once(
    stage: Callable[..., Stage], run: RunStage, questions: QuestionSet
) -> None:
    expander = Doubling()
    first = run(stage(expander, prompt="a", fusion="rrf"))
    assert run(stage(expander, prompt="a", fusion="linear")).reused, "how runs are fused"
    assert expander.calls == 1
    assert stage(expander, prompt="b").key != first.key
    texts = tuple(question._replace(text="other") for question in questions)
    assert stage(expander, replace(questions, questions=texts), prompt="a").key != first.key
    expander.sources = lambda: {"lm": "another model"}  # type: ignore[method-assign]
    assert stage(expander, prompt="a").key != first.key


@pytest.mark.parametrize("announced", [("same",), ("same", "thrice"), ("twice", "same")])
def test_other_searches_than_announced_are_refused(
    stage: Callable[..., Stage], run: RunStage, context: Context, announced: tuple[str, ...]
) -> None:
    expander = Doubling()
    expander.searches = announced
    with pytest.raises(UserError) as caught:
        run(stage(expander))
    assert str(caught.value) == (
        f"expander double made the searches same, twice and announced {', '.join(announced)}"
    )
    assert not list(context.cache.glob("expand/[!.]*"))
