"""A language model is given a passage and asked for a question and its answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from qa_bench.errors import UserError
from qa_bench.models.prompts import asking_step
from qa_bench.parts import Part
from qa_bench.protocols import LanguageModel
from qa_bench.runtime.estimates import prompt_tokens
from qa_bench.settings import whole_number
from qa_bench.synthetic.drafts import Draft, Drafts
from qa_bench.text import filled, without_thoughts
from qa_bench.types import Passage, Runtime, Step, tokens

NO_REPLY = "no reply"
NOT_PARSED = "reply not understood"


class PromptGenerator(Part):
    """One prompt a passage; the reply must be JSON with a question and an answer.

    Whatever else it is, is counted and never guessed at. Few-shot examples stand in the prompt.
    """

    def __init__(
        self, lm: LanguageModel, prompt: str, words: int | None = None, begin: str = ""
    ) -> None:
        """Check the settings.

        Args:
            lm: the language model.
            prompt: template with {title} and {passage}.
            words: of a passage that it is given; None for all.
            begin: how the reply begins; it ends the prompt, in a line of its own.

        Raises:
            UserError: a setting is out of range.
        """
        if not isinstance(lm, LanguageModel):
            raise UserError("generator.lm: choose a language model, such as lm@generator.lm=openai")
        if not isinstance(prompt, str) or "{passage}" not in prompt:
            raise UserError("generator.prompt has no {passage} in it")
        self._lm, self._prompt = lm, prompt
        self._words = whole_number("generator.words", words, optional=True)
        if not isinstance(begin, str):
            raise UserError(f"generator.begin: a text, got '{begin}'")
        self._begin = begin

    def sources(self) -> dict[str, str]:
        """Identity of the language model, where it can be told."""
        return self._lm.sources()

    def plan(self, passages: int, runtime: Runtime) -> Step:
        """A prompt a passage."""
        tokens_each = prompt_tokens(self._prompt, 1, self._words)
        return asking_step("generate", self._lm, passages, tokens_each, runtime)

    def make(self, passages: Sequence[Passage], runtime: Runtime) -> Drafts:
        """See ``Generator``; passages that the model could not be asked about have failed.

        Raises:
            UserError: the model replied to no prompt at all.
        """
        end = f"\n{self._begin}" if self._begin else ""
        prompts = [
            filled(self._prompt, title=passage.title, passage=self._cut(passage.text)) + end
            for passage in passages
        ]
        replies = self._lm.generate(prompts, runtime)
        return Drafts(
            [
                draft_of(reply.text, self._begin)
                if reply.error is None
                else Draft(problem=NO_REPLY)
                for reply in replies
            ],
            {place: reply.error for place, reply in enumerate(replies) if reply.error is not None},
            tokens(replies),
        )

    def _cut(self, text: str) -> str:
        """The words of a passage that the model is given, in one line."""
        return " ".join(text.split()[: self._words])


def draft_of(reply: str, begin: str = "") -> Draft:
    """The question and the answer of a reply.

    The first JSON object in it counts, what stands around it does not; thoughts between <think> and
    </think> are dropped. It must have ``question`` and ``answer``, both texts that are not blank.

    Args:
        reply: the model's.
        begin: what stands before it.
    """
    text = begin + without_thoughts(reply)
    start = text.find("{")
    if start < 0:
        return Draft(problem=NOT_PARSED)
    try:
        value: Any = json.JSONDecoder().raw_decode(text, start)[0]
    except (ValueError, RecursionError):
        return Draft(problem=NOT_PARSED)
    fields = [value.get("question"), value.get("answer")]
    if not all(isinstance(field, str) and field.strip() for field in fields):
        return Draft(problem=NOT_PARSED)
    question, answer = (" ".join(field.split()) for field in fields)
    return Draft(question, answer)
