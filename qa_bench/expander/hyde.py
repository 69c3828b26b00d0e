"""HyDE: search with passages that a language model makes up.

Source: Gao et al. 2023, Precise zero-shot dense retrieval without relevance labels (ACL): the
search vector is the mean of the question's and of n generated passages'; n = 8, temperature 0.7.
"""

from __future__ import annotations

from qa_bench.expander.searches import checked_model, checked_prompt, replies_to
from qa_bench.parts import Part
from qa_bench.protocols import LanguageModel
from qa_bench.settings import whole_number
from qa_bench.text import filled
from qa_bench.types import QuestionSet, Runtime, Search


class Hyde(Part):
    """One search, with the generated passages beside the question."""

    averages = True
    searches = ("hyde",)

    def __init__(
        self,
        lm: LanguageModel,
        prompt: str,
        count: int = 8,
    ) -> None:
        """Check the settings.

        Args:
            lm: the language model, which draws: at temperature 0 all passages are the same.
            prompt: template with {question}.
            count: passages a question.

        Raises:
            UserError: a setting is out of range.
        """
        self._lm, self._prompt = checked_model(lm), checked_prompt(prompt)
        self._count = whole_number("expander.count", count)

    def sources(self) -> dict[str, str]:
        """Those of the language model."""
        return self._lm.sources()

    def expand(self, questions: QuestionSet, runtime: Runtime) -> dict[str, Search]:
        """See ``Expander``; a passage of which nothing came is left out."""
        texts = tuple(question.text for question in questions)
        prompts = [filled(self._prompt, question=text) for text in texts] * self._count
        replies = replies_to(self._lm, prompts, questions, runtime)
        beside = tuple(
            tuple(filter(None, replies[place :: len(questions)])) for place in range(len(texts))
        )
        return {"hyde": Search(texts, beside)}
