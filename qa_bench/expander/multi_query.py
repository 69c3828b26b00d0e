"""Search with the question and other wordings of it, and fuse the runs.

Source: the common recipe of retrieval-augmented generation, as in LangChain's
``MultiQueryRetriever`` and RAG-Fusion (Rackauckas 2024, arXiv 2402.03367), whose runs are fused
by their ranks.
"""

from __future__ import annotations

import re
from typing import Any

from qa_bench.expander.searches import checked_model, checked_prompt, replies_to
from qa_bench.parts import Part
from qa_bench.protocols import LanguageModel
from qa_bench.settings import whole_number
from qa_bench.text import filled
from qa_bench.types import QuestionSet, Runtime, Search

_NUMBERING = re.compile(r"^(?:\(?\d{1,2}[.):]|[-*•])\s+")


class MultiQuery(Part):
    """One search with the questions, and one a wording; the model draws each by itself."""

    search_only = frozenset({"fusion"})

    def __init__(
        self,
        lm: LanguageModel,
        prompt: str,
        count: int = 3,
        fusion: Any = None,
    ) -> None:
        """Check the settings.

        Args:
            lm: the language model, which draws: at temperature 0 all wordings are the same.
            prompt: template with {question}, which asks for one other wording.
            count: wordings a question.
            fusion: makes one run of those of the searches.

        Raises:
            UserError: a setting is out of range.
        """
        self._lm, self._prompt = checked_model(lm), checked_prompt(prompt)
        self._count = whole_number("expander.count", count)

    @property
    def searches(self) -> tuple[str, ...]:
        """The question, and its wordings."""
        return ("question", *(f"wording_{number + 1}" for number in range(self._count)))

    def sources(self) -> dict[str, str]:
        """Those of the language model."""
        return self._lm.sources()

    def expand(self, questions: QuestionSet, runtime: Runtime) -> dict[str, Search]:
        """See ``Expander``; where no wording came, the question stands in for it."""
        texts = tuple(question.text for question in questions)
        prompts = [filled(self._prompt, question=text) for text in texts] * self._count
        replies = replies_to(self._lm, prompts, questions, runtime)
        searches = {"question": Search(texts)}
        for number in range(self._count):
            some = replies[number * len(texts) : (number + 1) * len(texts)]
            worded = (_NUMBERING.sub("", reply).strip(' "') for reply in some)
            searches[f"wording_{number + 1}"] = Search(
                tuple(new or old for new, old in zip(worded, texts, strict=True))
            )
        return searches
