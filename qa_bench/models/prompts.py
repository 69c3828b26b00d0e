"""From a template, a question and its hits to a prompt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qa_bench.errors import UserError
from qa_bench.protocols import PlannedPrompts
from qa_bench.settings import whole_number
from qa_bench.store.ranked import Ranked
from qa_bench.text import filled
from qa_bench.types import Runtime, Step


@dataclass(frozen=True)
class PassageTemplate:
    """How passages stand in a prompt.

    Attributes:
        template: of one passage: {rank} (from 1), {title} and {text}.
        between: what stands between two.
        words: of a text that are given; None for all.
    """

    template: str
    between: str
    words: int | None

    def check(self, setting: str) -> None:
        """Refuse what makes no sense; ``setting`` is what they belong to: reader or reranker.

        Raises:
            UserError: words is out of range, or the template lacks the text.
        """
        whole_number(f"{setting}.words", self.words, optional=True)
        if "{text}" not in self.template:
            raise UserError(f"{setting}.passage has no {{text}} in it")

    def of(self, ranked: Ranked, hits: range | list[int]) -> str:
        """The passages of these hits, in this order."""
        return self.between.join(
            filled(
                self.template,
                rank=str(rank),
                title=ranked.titles[hit],
                text=self._cut(ranked.texts[hit]),
            )
            for rank, hit in enumerate(hits, 1)
        )

    def _cut(self, text: str) -> str:
        return text if self.words is None else " ".join(text.split()[: self.words])


def asking_step(name: str, lm: Any, prompts: int, tokens: float, runtime: Runtime) -> Step:
    """The step of asking a language model; of one elsewhere only the requests are known.

    Args:
        name: of the step.
        lm: the language model.
        prompts: how many it is given.
        tokens: of a prompt.
        runtime: the devices.
    """
    if isinstance(lm, PlannedPrompts):
        return lm.plan(prompts, tokens, runtime)._replace(name=name)
    return Step(name, 0, None, f"{prompts:,} requests")
