"""A reader that asks a language model, with the passages in the prompt or without any."""

from __future__ import annotations

import re
from collections.abc import Sequence

from qa_bench.errors import UserError
from qa_bench.models.prompts import PassageTemplate, asking_step
from qa_bench.parts import Part
from qa_bench.protocols import LanguageModel
from qa_bench.runtime.estimates import prompt_tokens
from qa_bench.settings import flag, whole_number
from qa_bench.store.ranked import Ranked
from qa_bench.text import filled, without_thoughts
from qa_bench.types import Answers, Reply, Runtime, Step, tokens

_LABEL = re.compile(
    r"[\W_]*(?:(?:final |short )?answer|a)\s*[*_]*:[\s*_]*|the (?:final |short )?answer is:?\s+",
    re.IGNORECASE,
)
_LABELLED = re.compile(r"[\W_]*(?:final |short )?answer\s*[*_]*:", re.IGNORECASE)
_AROUND = " \t\"'`“”‘’«»*_"


class Generative(Part):
    """Fills a prompt with the question and its best passages; the reply's short answer is taken.

    Every prompt of the set goes to the language model in one batch.
    """

    def __init__(
        self,
        lm: LanguageModel,
        prompt: str,
        passage: str = "{title}\n{text}",
        between: str = "\n\n",
        depth: int = 5,
        words: int | None = None,
        short: bool = True,
    ) -> None:
        """Check the settings.

        Args:
            lm: the language model.
            prompt: template with {question} and, unless depth is 0, {passages}.
            passage: template of one passage: {rank} (from 1), {title} and {text}.
            between: what stands between two passages.
            depth: passages a question it is given; 0 for none: the model answers by heart.
            words: of a passage's text that it is given; None for all.
            short: take the short answer out of the reply, see ``short_answer``.

        Raises:
            UserError: a setting is out of range.
        """
        if not isinstance(lm, LanguageModel):
            raise UserError("reader.lm: choose a language model, such as lm@reader.lm=openai")
        whole_number("reader.depth", depth, 0)
        self._passages = PassageTemplate(passage, between, words)
        self._passages.check("reader")
        if "{question}" not in prompt:
            raise UserError("reader.prompt has no {question} in it")
        if ("{passages}" in prompt) != (depth > 0):
            raise UserError(
                "reader.prompt has no {passages} in it: add it, or set reader.depth=0"
                if depth
                else "reader.prompt has {passages} in it, but reader.depth is 0: there are none"
            )
        self.depth = depth
        self._lm, self._prompt = lm, prompt
        self._short = flag("reader.short", short)

    def sources(self) -> dict[str, str]:
        """Identity of the language model, where it can be told."""
        return self._lm.sources()

    def plan(self, questions: int, hits: int, runtime: Runtime) -> Step:
        """A prompt a question."""
        tokens_each = prompt_tokens(self._prompt, hits, self._passages.words)
        return asking_step("read", self._lm, questions, tokens_each, runtime)

    def read(self, ranked: Ranked, runtime: Runtime) -> Answers:
        """See ``Reader``; the questions the model could not be asked are marked as failed.

        Raises:
            UserError: no question could be asked.
        """
        replies = self._replies(ranked, runtime)
        return Answers(
            [self._answer(reply.text) for reply in replies], failures(replies), tokens(replies)
        )

    def _replies(self, ranked: Ranked, runtime: Runtime) -> list[Reply]:
        prompts = [
            filled(
                self._prompt,
                question=ranked.questions.questions[place].text,
                passages=self._passages.of(ranked, range(hits.start, hits.stop)[: self.depth]),
            )
            for place, hits in ranked.groups()
        ]
        return self._lm.generate(prompts, runtime)

    def _answer(self, reply: str) -> str:
        return short_answer(reply) if self._short else reply


def failures(replies: Sequence[Reply]) -> dict[int, str]:
    """The places without a reply, and why."""
    return {place: reply.error for place, reply in enumerate(replies) if reply.error is not None}


def short_answer(reply: str) -> str:
    """The short answer in a model's reply.

    1. Thoughts between <think> and </think> are dropped, also when they never end.
    2. The first line that begins with "Answer:" ("Final answer:", "Short answer:") is taken; else
       the first line that is not empty. Is nothing beside the label, the line after it is taken.
    3. A label at its beginning goes: those, "A:" and "The answer is".
    4. So do quotes, back-ticks, asterisks and underscores around it, and marks at its end (.,;:!).
    """
    lines = [line.strip() for line in without_thoughts(reply).splitlines() if line.strip()]
    labelled = next((n for n, line in enumerate(lines) if _LABELLED.match(line)), 0)
    for line in lines[labelled : labelled + 2]:
        label = _LABEL.match(line)
        text = line[label.end() :] if label else line
        previous = None
        while text != previous:
            previous = text
            text = text.strip(_AROUND).rstrip(".,;:!")
        if text:
            return text
    return ""
