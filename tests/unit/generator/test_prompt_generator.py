"""Questions that a language model writes: what of its replies counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from qa_bench.errors import UserError
from qa_bench.generator.prompt import NO_REPLY, NOT_PARSED, PromptGenerator, draft_of
from qa_bench.parts import Part
from qa_bench.protocols import Generator
from qa_bench.synthetic.drafts import Draft
from qa_bench.types import Passage, Reply, Runtime

QUIET = Runtime(progress=False)
PASSAGES = [Passage("1", "Bridge", "The bridge\nis old."), Passage("2", "{passage}", "It is new.")]
WHOLE = '{"question": "Who?", "answer": "Clara"}'


class Model(Part):
    """Replies as told; a reply of None fails."""

    def __init__(self, reply: Callable[[str], str | None]) -> None:
        self.reply, self.prompts = reply, [""]

    def generate(self, prompts: Sequence[str], runtime: Runtime) -> list[Reply]:
        self.prompts = list(prompts)
        texts = [self.reply(prompt) for prompt in prompts]
        return [Reply("", error="500") if text is None else Reply(text, 7, 3) for text in texts]


@pytest.mark.parametrize(
    ("reply", "draft"),
    [
        (WHOLE, Draft("Who?", "Clara")),
        (f"Sure!\n```json\n{WHOLE}\n```", Draft("Who?", "Clara")),
        (f"<think>{{'no'}}</think>{WHOLE} {{}}", Draft("Who?", "Clara")),
        ('{"answer": " a\\n b ", "question": "q", "more": 1}', Draft("q", "a b")),
        ("", None),
        ("Who? Clara", None),
        (WHOLE[:-5], None),
        ('{"question": "Who?"}', None),
        ('{"question": "Who?", "answer": ""}', None),
        ('{"question": " ", "answer": "a"}', None),
        ('{"question": "Who?", "answer": 1931}', None),
        ('{"question": ["Who?"], "answer": "a"}', None),
        ("{'question': 'Who?', 'answer': 'a'}", None),
        ("{{}}", None),
        ("{" * 100_000, None),
        ('{"a":' * 100_000, None),
    ],
)
def test_replies(reply: str, draft: Draft | None) -> None:
    assert draft_of(reply) == (draft or Draft(problem=NOT_PARSED))


def test_a_reply_that_goes_on() -> None:
    assert draft_of('Who?", "answer": "Clara"}\nmore', '{"question": "') == Draft("Who?", "Clara")
    assert draft_of(WHOLE, '{"question": "').problem == NOT_PARSED


def test_prompts() -> None:
    lm = Model(lambda prompt: WHOLE)
    generator = PromptGenerator(lm, "T: {title}\nP: {passage}", begin="{")
    assert isinstance(generator, Generator)
    assert list(generator.make(PASSAGES, QUIET)) == [Draft(problem=NOT_PARSED)] * 2
    assert lm.prompts == ["T: Bridge\nP: The bridge is old.\n{", "T: {passage}\nP: It is new.\n{"]
    PromptGenerator(lm, "{passage}", words=2).make(PASSAGES, QUIET)
    assert lm.prompts == ["The bridge", "It is"]


def test_failures_and_costs_are_told() -> None:
    lm = Model(lambda prompt: None if "new" in prompt else WHOLE)
    drafts = PromptGenerator(lm, "{passage}").make(PASSAGES, QUIET)
    assert list(drafts) == [Draft("Who?", "Clara"), Draft(problem=NO_REPLY)]
    assert drafts.failed == {1: "500"}
    assert drafts.costs == {"prompt_tokens": 7, "completion_tokens": 3}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lm": None}, "generator.lm: choose a language model, such as lm@generator.lm=openai"),
        ({"prompt": "{title}"}, r"generator.prompt has no \{passage\} in it"),
        ({"words": 0}, "generator.words: a whole number >= 1, got '0'"),
        ({"begin": None}, "generator.begin: a text"),
    ],
)
def test_settings(settings: dict[str, Any], message: str) -> None:
    given = {"lm": Model(lambda prompt: ""), "prompt": "{passage}"} | settings
    with pytest.raises(UserError, match=message):
        PromptGenerator(**given)
