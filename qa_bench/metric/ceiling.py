"""Which questions have an answer anywhere in the passages: what no retriever can exceed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from qa_bench.metric.matching import answer_test, get_mode
from qa_bench.metric.string_tests import Test
from qa_bench.text import nfd
from qa_bench.types import Match


class Seeker:
    """Looks for the answers of some questions in batches of passages.

    Where a mode compares whole tokens, a passage can hold an answer only if it holds its tokens: an
    index of a batch's tokens tells which passages are worth the test. Else every one is tested.
    """

    def __init__(
        self,
        answers: Sequence[Sequence[str]],
        match: Match,
        mode: str,
        names: Sequence[str] = (),
    ) -> None:
        """Prepare the tests.

        Args:
            answers: those of each question.
            match: how they are compared.
            mode: whose rules, see ``has_answer``.
            names: what to call the questions in an error.
        """
        self._mode = get_mode(mode)
        self._tests = [
            answer_test(several, match, mode, name)
            for several, name in zip_longest(answers, names, fillvalue="")
        ]
        self._by_token = match == "string" and self._mode.whole_tokens
        self._tokens = (
            [[set(self._mode.tokens(nfd(answer))) for answer in several] for several in answers]
            if self._by_token
            else []
        )

    def answered(
        self, texts: Sequence[str], titles: Sequence[str], questions: Sequence[int]
    ) -> set[int]:
        """Those of ``questions``, by number, that some of the passages answer.

        Args:
            texts: of the passages.
            titles: of the passages.
            questions: which are asked.
        """
        if not self._by_token:
            every = range(len(texts))
            return {n for n in questions if self._holds(self._tests[n], every, texts, titles)}
        where = self._where(texts)
        places = set()
        for question in questions:
            for tokens in self._tokens[question]:
                lists = sorted((where.get(token, []) for token in tokens), key=len)
                likely = set(lists[0]).intersection(*lists[1:]) if lists else range(len(texts))
                if self._holds(self._tests[question], likely, texts, titles):
                    places.add(question)
                    break
        return places

    def holders(self, texts: Sequence[str], titles: Sequence[str]) -> dict[int, list[int]]:
        """All passages that hold an answer, by number, ascending, of each question that has any.

        Args:
            texts: of the passages.
            titles: of the passages.
        """
        where = self._where(texts) if self._by_token else {}
        holders: dict[int, list[int]] = {}
        for question, test in enumerate(self._tests):
            likely: set[int] = set()
            for tokens in self._tokens[question] if self._by_token else [set[str]()]:
                lists = sorted((where.get(token, []) for token in tokens), key=len)
                likely |= set(lists[0]).intersection(*lists[1:]) if lists else {*range(len(texts))}
            if several := [n for n in sorted(likely) if test(texts[n], titles[n])]:
                holders[question] = several
        return holders

    def _where(self, texts: Sequence[str]) -> dict[str, list[int]]:
        """The passages that hold a token, by number."""
        where: dict[str, list[int]] = {}
        for number, text in enumerate(texts):
            for token in set(self._mode.tokens(nfd(text))):
                where.setdefault(token, []).append(number)
        return where

    @staticmethod
    def _holds(
        test: Test, passages: Sequence[int] | set[int], texts: Sequence[str], titles: Sequence[str]
    ) -> bool:
        return any(test(texts[passage], titles[passage]) for passage in passages)
