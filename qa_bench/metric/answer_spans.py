"""Where in a text its answers lie, by the rules of ``qa_bench.metric.matching`` and no others.

A text has a place exactly where ``has_answer`` calls it a hit. Places are characters of the text as
it is: every mode normalises what it compares, so each character of the normalised text keeps the
place of the one it came from.

- ``dpr``, ``drqa``, ``pyserini``, strings: the characters of the answer's tokens; one that is
  several in NFD ("é") belongs to a place as a whole. Source: ``has_answer`` of DPR's
  ``dpr/data/qa_validation.py``, DrQA's and pyserini's.
- ``flashrag``, ``kilt``, strings: from the first to the last character that SQuAD's normalisation
  keeps of the answer, with what it drops in between: "U.S" for "US" in "the U.S.". Source:
  FlashRAG's and KILT's tests for substrings, see ``docs/metric.md``.
- patterns, every mode: what ``finditer`` of the mode's module finds in NFD text.

An answer without a token, or without a character once it is normalised, is in every text, as the
matchers have it, and marks nothing there; nor does a pattern that matches between two characters.
A text that is a hit by nothing else has one place without a character: where the first such match
is, which for strings is (0, 0).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from qa_bench.metric.matching import Mode, answer_test, get_mode
from qa_bench.metric.patterns import Patterns
from qa_bench.metric.string_tests import titled
from qa_bench.text import Origins, nfd, nfd_origins, squad_normalize, squad_origins
from qa_bench.types import Match

Span = tuple[int, int]
"""The first character, and the one behind the last."""

_Locate = Callable[[str], Iterable[Span]]
"""A text that is a hit → every place of an answer in it, in any order."""


class Places(NamedTuple):
    """Where in a passage the answers lie, each list as ``AnswerFinder`` gives it.

    Attributes:
        title: in the title; empty unless the mode looks there.
        text: in the text.
    """

    title: list[Span]
    text: list[Span]


class AnswerFinder:
    """Finds the answers of one question, in many texts.

    Attributes:
        test: tells only whether there is an answer, which is quicker; see ``answer_test``.
    """

    def __init__(
        self,
        answers: Sequence[str],
        match: Match = "string",
        mode: str = "dpr",
        question: str = "",
    ) -> None:
        """Prepare what is looked for; the arguments are those of ``answer_test``.

        Raises:
            UserError: there are no answers, or ``match`` or ``mode`` is unknown.
        """
        self.test = answer_test(answers, match, mode, question)
        rules = get_mode(mode)
        self._titles = rules.titles and match == "string"
        if match == "regex":
            self._locate = _patterns(rules.searched(answers, question))
        elif rules.whole_tokens:
            self._locate = _phrases(answers, rules)
        else:
            self._locate = _substrings(answers)

    def __call__(self, text: str) -> list[Span]:
        """Every place of an answer in a text, once each.

        By their start, the longer one first; where answers contain each other or overlap, so do
        their places. None exactly where ``test(text)`` says no. Each has a character, but see the
        module for texts that have one without.
        """
        return self.places(text).text

    def places(self, text: str, title: str = "") -> Places:
        """Every place of an answer in a passage; none exactly where ``test(text, title)`` says no.

        An answer that runs from the title into the text has a place in each.
        """
        if not self.test(text, title):
            return Places([], [])
        whole = titled(text, title) if self._titles else text
        begin = len(whole) - len(text)
        spans = set(self._locate(whole))
        marked = [(start, end) for start, end in spans if start < end]
        if not marked:
            bare = max(min(spans)[0] - begin, 0)
            return Places([], [(bare, bare)])
        return Places(
            _in_order((start, min(end, len(title))) for start, end in marked if start < begin),
            _in_order(
                (max(start, begin) - begin, end - begin) for start, end in marked if end > begin
            ),
        )


def answer_spans(
    text: str, answers: Sequence[str], match: Match = "string", mode: str = "dpr"
) -> list[Span]:
    """Where in a text its answers lie; empty exactly where ``has_answer`` says no.

    Args:
        text: the passage.
        answers: gold strings, or patterns with ``match="regex"``.
        match: how the answers are compared.
        mode: whose rules: dpr, drqa, pyserini, flashrag, kilt or lenient.

    Returns:
        First character and the one behind the last, in code points of ``text``; see
        ``AnswerFinder``, which is quicker for many texts and looks into titles too.

    Raises:
        UserError: no answers, an unknown match or mode, or a pattern that takes too long.
    """
    return AnswerFinder(answers, match, mode)(text)


def _in_order(spans: Iterable[Span]) -> list[Span]:
    return sorted(set(spans), key=lambda span: (span[0], -span[1]))


def _phrases(answers: Sequence[str], rules: Mode) -> _Locate:
    """The answers' tokens, one after the other."""
    phrases = {tuple(rules.tokens(nfd(answer))) for answer in answers}

    def locate(text: str) -> Iterator[Span]:
        normal, origins = nfd_origins(text)
        tokens = rules.token_spans(normal)
        words = [token.text for token in tokens]
        for phrase in phrases:
            if not phrase:
                yield 0, 0
                continue
            for first in _starts(words, phrase):
                yield _back(origins, tokens[first].start, tokens[first + len(phrase) - 1].end)

    return locate


def _starts(words: list[str], phrase: tuple[str, ...]) -> Iterator[int]:
    """Where among the words the phrase begins."""
    start = -1
    for _ in range(words.count(phrase[0])):
        start = words.index(phrase[0], start + 1)
        if tuple(words[start : start + len(phrase)]) == phrase:
            yield start


def _substrings(answers: Sequence[str]) -> _Locate:
    """The normalised answers in normalised text; these neither begin nor end with a space."""
    phrases = {squad_normalize(answer) for answer in answers}

    def locate(text: str) -> Iterator[Span]:
        normal, origins = squad_origins(text)
        for phrase in phrases:
            if not phrase:
                yield 0, 0
                continue
            start = normal.find(phrase)
            while start >= 0:
                yield _back(origins, start, start + len(phrase))
                start = normal.find(phrase, start + 1)

    return locate


def _patterns(patterns: Patterns) -> _Locate:
    """What the patterns match in NFD text."""

    def locate(text: str) -> Iterator[Span]:
        normal, origins = nfd_origins(text)
        for place in patterns.places(normal):
            yield _back(origins, *place)

    return locate


def _back(origins: Origins, start: int, end: int) -> Span:
    """The place of some characters of a normalised text in the text itself.

    The characters that NFD puts in another order are marks in a row: hence not the first and last.
    """
    if start >= end:
        bare = origins[start] if start < len(origins) else max(origins, default=-1) + 1
        return bare, bare
    some = origins[start:end]
    return min(some), max(some) + 1
