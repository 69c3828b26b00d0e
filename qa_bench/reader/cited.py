"""A reader that asks a language model for the passages that its answer comes from."""

from __future__ import annotations

import re

from qa_bench.errors import UserError
from qa_bench.protocols import LanguageModel
from qa_bench.reader.generative import Generative, failures
from qa_bench.store.ranked import Ranked
from qa_bench.types import Answers, Runtime, tokens

_CITED = re.compile(r"\s*\[(\d{1,6}(?:\s*[,;]\s*\d{1,6})*)\]")


class Cited(Generative):
    """``Generative`` with numbered passages; "[2]" or "[1, 3]" in a reply are its citations.

    They are taken out of the answer. A number that no passage has is no citation.
    """

    def __init__(
        self,
        lm: LanguageModel,
        prompt: str,
        passage: str = "[{rank}] {title}\n{text}",
        between: str = "\n\n",
        depth: int = 5,
        words: int | None = None,
        short: bool = True,
    ) -> None:
        """Check the settings; they are those of ``Generative``.

        Raises:
            UserError: a setting is out of range, or passages have no number.
        """
        super().__init__(lm, prompt, passage, between, depth, words, short)
        if "{rank}" not in passage or not depth:
            raise UserError("reader.passage has no {rank} in it: answers cite passages by number")

    def read(self, ranked: Ranked, runtime: Runtime) -> Answers:
        """See ``Generative``; the answers say which passages they cite.

        Raises:
            UserError: no question could be asked.
        """
        replies = self._replies(ranked, runtime)
        counts = [min(hits.stop - hits.start, self.depth) for _, hits in ranked.groups()]
        cited = {
            place: ranks
            for place, (reply, count) in enumerate(zip(replies, counts, strict=True))
            if (ranks := citations(reply.text, count))
        }
        answers = [self._answer(_CITED.sub("", reply.text)) for reply in replies]
        return Answers(answers, failures(replies), tokens(replies), cited)


def citations(reply: str, count: int) -> list[int]:
    """The numbers from 1 to ``count`` that a reply cites, each once, ascending."""
    numbers = {int(n) for several in _CITED.findall(reply) for n in re.split(r"\D+", several)}
    return sorted(number for number in numbers if 1 <= number <= count)
