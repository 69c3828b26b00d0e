"""The reader that asks a language model: what it is asked, what is made of its reply."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from given import given as stage_of
from hypothesis import given
from hypothesis import strategies as st
from identified import identified

from qa_bench.engine.context import Context
from qa_bench.errors import UserError
from qa_bench.parts import Part
from qa_bench.reader.generative import Generative, short_answer
from qa_bench.stages.read import read
from qa_bench.store.passages import describe_passages, write_passages
from qa_bench.store.ranked import Ranked
from qa_bench.store.runs import write_run
from qa_bench.types import Folder, Passage, Reply, Run, Runtime

QUIET = Runtime(progress=False)
PROMPT = "{passages}\n\nQ: {question}\nA:"


class Model(Part):
    """Replies as a function says; an exception's text is the error."""

    def __init__(self, reply: Callable[[str], str] = str.upper) -> None:
        self.reply = reply
        self.prompts: list[str] = []

    def sources(self) -> dict[str, str]:
        return {"lm": "content"}

    def generate(self, prompts: Sequence[str], runtime: Runtime) -> list[Reply]:
        self.prompts += prompts
        return [self._one(prompt) for prompt in prompts]

    def _one(self, prompt: str) -> Reply:
        try:
            return Reply(self.reply(prompt), len(prompt), 2)
        except ValueError as error:
            return Reply("", error=str(error))


@pytest.fixture
def ranked(make_questions: Any) -> Ranked:
    """q1 with three hits, q2 with none, q3 with one."""
    return Ranked(
        make_questions({"q1": ["a"], "q2": ["b"], "q3": ["c"]}),
        np.array([0, 0, 0, 2]), np.arange(4), np.array([3, 2, 1, 9], np.float32),
        ["first text", "second text", "third text", "other {question}"], ["T1", "T2", "T3", "T4"],
    )  # fmt: skip


def test_prompts(ranked: Ranked) -> None:
    lm = Model(lambda prompt: "Answer: Paris.\nIt says so.")
    reader = Generative(lm, PROMPT, passage="({rank}) {title}: {text}", between="; ", depth=2)
    answers = reader.read(ranked, QUIET)
    assert lm.prompts == [
        "(1) T1: first text; (2) T2: second text\n\nQ: text of q1\nA:",
        "\n\nQ: text of q2\nA:",
        "(1) T4: other {question}\n\nQ: text of q3\nA:",
    ]
    assert answers == ["Paris"] * 3
    assert answers.failed == {}
    assert answers.costs == {"prompt_tokens": sum(map(len, lm.prompts)), "completion_tokens": 6}
    assert reader.sources() == {"lm": "content"}


def test_closed_book(ranked: Ranked) -> None:
    lm = Model()
    Generative(lm, "Q: {question}", depth=0).read(ranked, QUIET)
    assert lm.prompts == ["Q: text of q1", "Q: text of q2", "Q: text of q3"]


def test_words_and_whole_replies(ranked: Ranked) -> None:
    lm = Model(lambda prompt: "Answer: Paris.\nIt says so.")
    reader = Generative(lm, PROMPT, passage="{text}", words=1, short=False)
    assert reader.read(ranked, QUIET)[0] == "Answer: Paris.\nIt says so."
    assert lm.prompts[0].startswith("first\n\nsecond\n\nthird\n\nQ")


def _fails(prompt: str) -> str:
    if "q1" in prompt:
        raise ValueError("no reply in 3 s")
    return "yes"


def test_failed(ranked: Ranked) -> None:
    answers = Generative(Model(_fails), PROMPT).read(ranked, QUIET)
    assert answers == ["", "yes", "yes"]
    assert answers.failed == {0: "no reply in 3 s"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lm": "gpt"}, r"reader\.lm"),
        ({"depth": -1}, r"reader\.depth"),
        ({"depth": True}, r"reader\.depth: a whole number >= 0, got 'true'"),
        ({"words": 0}, r"reader\.words"),
        ({"words": True}, r"reader\.words: a whole number >= 1, got 'true'"),
        ({"short": "no"}, r"reader\.short: true or false, got 'no'"),
        ({"prompt": "{passages}"}, "no {question}"),
        ({"prompt": "{question}"}, r"no {passages} .* reader\.depth=0"),
        ({"depth": 0}, "there are none"),
        ({"passage": "{title}"}, "no {text}"),
    ],
)
def test_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Generative(**{"lm": Model(), "prompt": PROMPT, **settings})


# The stage


def test_the_stage_reads_failed_questions_again(
    tmp_path: Path, make_questions: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    questions = make_questions({"q1": ["a"], "q2": ["b"]})
    folder = tmp_path / "in"
    folder.mkdir()
    write_passages(folder / "passages-00000.arrow", [Passage("1", "T", "text")])
    describe_passages(folder, [folder / "passages-00000.arrow"])
    write_run(folder / "run.parquet", Run.of(["q1", "q2"], [["1"], ["1"]], [[1.0], [1.0]]))
    ranked = stage_of(folder)

    def stage(lm: Model) -> Folder:
        context = Context(tmp_path / "cache", QUIET)
        reader = identified(Generative(lm, PROMPT), some="reader")
        return context.run(read(ranked, ranked, questions, reader, "system", 1, context))

    first = stage(Model(_fails))
    assert first.manifest["counts"]["failed"] == 1
    assert (first.path / "predictions.jsonl").read_text() == '{"id": "q2", "prediction": "yes"}\n'
    assert (first.path / "failed.jsonl").read_text() == '{"id": "q1", "why": "no reply in 3 s"}\n'
    told = "1 of 2 questions failed, count as wrong and are read again by the next run"
    assert f"{told} (first: no reply in 3 s): q1" in caplog.text

    def broken(prompt: str) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stage(Model(broken))
    assert f"read: {first.path.name} is provisional; 1 failed the last time" in caplog.text
    assert [p.name for p in first.path.parent.iterdir() if p.name[0] != "."] == []

    second = stage(Model())
    assert not second.reused
    assert (second.path, second.manifest["counts"]["failed"]) == (first.path, 0)
    third = Model()
    assert stage(third).reused
    assert third.prompts == []


# Short answers


@pytest.mark.parametrize(
    ("reply", "short"),
    [
        ("Paris", "Paris"),
        ("  Paris. \n", "Paris"),
        ("\n\nParis\nBecause.", "Paris"),
        ("Answer: Paris", "Paris"),
        ("answer : **Paris**", "Paris"),
        ("**Answer:** Paris.", "Paris"),
        ('**Final Answer**: "Paris"', "Paris"),
        ("A: Paris", "Paris"),
        ("The answer is Paris.", "Paris"),
        ("The answer is: 'Paris'.", "Paris"),
        ("Let me see.\nShort answer: Paris", "Paris"),
        ("Answer:\nParis", "Paris"),
        ("<think>London?\nAnswer: Rome</think>\n\nParis", "Paris"),
        ("<think>London? I am not", ""),
        ("“Paris”,", "Paris"),
        ("`Paris`!", "Paris"),
        ("U.S.", "U.S"),
        ("3.5", "3.5"),
        ("A Tale of Two Cities", "A Tale of Two Cities"),
        ("Answers in Genesis", "Answers in Genesis"),
        ("The answer", "The answer"),
        ("Theatre: a history", "Theatre: a history"),
        ("'", ""),
        ("", ""),
        ("\n \n", ""),
    ],
)
def test_short_answer(reply: str, short: str) -> None:
    assert short_answer(reply) == short


@given(st.text())
def test_short_answers_are_one_line_and_stay(reply: str) -> None:
    short = short_answer(reply)
    assert len(short.splitlines()) <= 1
    assert short == short.strip(" \"'").rstrip(".,;:!")


@given(st.text(alphabet="abc ", min_size=1).map(str.strip).filter(bool))
def test_a_bare_answer_stays_as_it_is(answer: str) -> None:
    for reply in (answer, f"{answer}.", f'"{answer}"', f"Answer: {answer}", f"\n{answer}\nx"):
        assert short_answer(reply) == answer
