"""GAR: search with the question and what a language model says to it.

Source: Mao et al. 2021, Generation-augmented retrieval (ACL): an answer, a sentence with it, and
the title of a passage with it are appended to the question, and the three runs fused. There three
BART models are trained to write them; here a language model is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qa_bench.errors import UserError
from qa_bench.expander.searches import checked_model, checked_prompt, replies_to
from qa_bench.parts import Part
from qa_bench.protocols import LanguageModel
from qa_bench.text import filled
from qa_bench.types import QuestionSet, Runtime, Search


class Gar(Part):
    """One search a prompt, with its reply after the question."""

    search_only = frozenset({"fusion"})

    def __init__(
        self,
        lm: LanguageModel,
        prompts: Mapping[str, str],
        fusion: Any = None,
    ) -> None:
        """Check the settings.

        Args:
            lm: the language model.
            prompts: templates with {question}, by what they ask for.
            fusion: makes one run of those of the searches.

        Raises:
            UserError: a setting is out of range.
        """
        if not prompts:
            raise UserError("expander.prompts: give one at least")
        self._lm = checked_model(lm)
        self._prompts = {name: checked_prompt(prompt) for name, prompt in prompts.items()}

    @property
    def searches(self) -> tuple[str, ...]:
        """One a prompt."""
        return tuple(self._prompts)

    def sources(self) -> dict[str, str]:
        """Those of the language model."""
        return self._lm.sources()

    def expand(self, questions: QuestionSet, runtime: Runtime) -> dict[str, Search]:
        """See ``Expander``."""
        prompts = [
            filled(prompt, question=question.text)
            for prompt in self._prompts.values()
            for question in questions
        ]
        replies = iter(replies_to(self._lm, prompts, questions, runtime))
        return {
            name: Search(tuple(f"{one.text} {next(replies)}".rstrip() for one in questions))
            for name in self._prompts
        }
