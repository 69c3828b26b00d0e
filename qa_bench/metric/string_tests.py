"""Does a passage hold one of some answer strings: the tests of the reference matchers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from qa_bench.metric.lenient import lenient_tokens
from qa_bench.text import Tokenizer, dpr_tokens, drqa_tokens, nfd, squad_normalize


class Test(Protocol):
    """Does a passage hold one of the answers the test was made for?"""

    def __call__(self, text: str, title: str = "") -> bool:
        """Look into the text; only a mode with ``titles`` looks into the title."""
        ...


def _always(text: str, title: str = "") -> bool:
    """The test of an answer without a token: it is in every text."""
    return True


def dpr_string(answers: Sequence[str]) -> Test:
    """DPR's ``has_answer`` for strings: the answer's tokens occur contiguously in the text's.

    Most passages hold no token of any answer, and a substring search of the lower-cased text
    shows that without tokenising it; only those that hold every token of one are tokenised. Text
    that is not ASCII is slow to normalise and lower-case: where each answer has a token of ASCII
    letters and digits, its bytes are searched first.
    """
    by_first: dict[str, list[str]] = {}
    for answer in answers:
        tokens = dpr_tokens(nfd(answer))
        if not tokens:
            return _always
        by_first[f" {' '.join(tokens)} "] = sorted(set(tokens), key=len, reverse=True)
    needles = [(tokens[0], tokens[1:], phrase) for phrase, tokens in by_first.items()]
    plain = [[t.encode() for t in tokens if _is_plain(t)] for tokens in by_first.values()]
    keys = [tokens[0] for tokens in plain if tokens]
    has_keys = len(keys) == len(needles)

    def test(text: str, title: str = "") -> bool:
        if not text.isascii():
            # The Kelvin sign alone becomes an ASCII letter that no mark follows.
            if has_keys and "\u212a" not in text:
                lowered_bytes = text.encode("utf-8", "surrogatepass").lower()
                if not any(key in lowered_bytes for key in keys):
                    return False
            text = nfd(text)
        if "Σ" in text:  # lower-casing depends on the token's end, see dpr_tokens
            phrases = [phrase for _, _, phrase in needles]
        else:
            lowered = text.lower()
            phrases = [
                phrase
                for first, others, phrase in needles
                if first in lowered and all(token in lowered for token in others)
            ]
        if not phrases:
            return False
        tokenised = f" {' '.join(dpr_tokens(text))} "
        return any(phrase in tokenised for phrase in phrases)

    return test


def _is_plain(token: str) -> bool:
    """Is this a token whose letters stand as they are in any text that holds it?"""
    return token.isascii() and token.isalnum()


def _phrases(tokenizer: Tokenizer) -> Callable[[Sequence[str]], Test]:
    """The test of whether the answer's tokens occur contiguously in the text's."""

    def make(answers: Sequence[str]) -> Test:
        token_lists = [tokenizer(nfd(answer)) for answer in answers]
        if any(not tokens for tokens in token_lists):
            return _always
        phrases = [f" {' '.join(tokens)} " for tokens in token_lists]

        def test(text: str, title: str = "") -> bool:
            tokenised = f" {' '.join(tokenizer(nfd(text)))} "
            return any(phrase in tokenised for phrase in phrases)

        return test

    return make


drqa_string = _phrases(drqa_tokens)
"""DrQA's ``has_answer`` for strings, with its RegexpTokenizer."""
lenient_string = _phrases(lenient_tokens)


def titled(text: str, title: str) -> str:
    """What is searched where titles are: the title, a line break and the text."""
    return f"{title}\n{text}" if title else text


def substring(with_title: bool) -> Callable[[Sequence[str]], Test]:
    """FlashRAG's and KILT's test: the SQuAD-normalised answer is a substring of the text's."""

    def make(answers: Sequence[str]) -> Test:
        needles = [squad_normalize(answer) for answer in answers]

        def test(text: str, title: str = "") -> bool:
            haystack = squad_normalize(titled(text, title) if with_title else text)
            return any(answer in haystack for answer in needles)

        return test

    return make
