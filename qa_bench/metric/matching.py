r"""Does a text hold an answer, is a prediction right: the reference matchers, one ``Mode`` each.

Modes ``dpr`` (the default), ``drqa``, ``pyserini``, ``flashrag`` and ``kilt`` reproduce the
functions of those code bases case by case, degenerate answers included.
"""

from __future__ import annotations

import contextlib
import re
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import regex

from qa_bench.errors import UserError
from qa_bench.text import (
    Token,
    Tokenizer,
    dpr_token_spans,
    dpr_tokens,
    drqa_token_spans,
    drqa_tokens,
    nfd,
    squad_normalize,
)
from qa_bench.types import Match


class Test(Protocol):
    """Does a passage hold one of the answers the test was made for?"""

    def __call__(self, text: str, title: str = "") -> bool:
        """Look into the text; only a mode with ``titles`` looks into the title."""
        ...


Patterns = Callable[[Sequence[str]], list[Any]]
"""Answer patterns → those that compile, compiled."""

_FLAGS = regex.IGNORECASE | regex.UNICODE | regex.MULTILINE
_STDLIB_FLAGS = re.IGNORECASE | re.UNICODE | re.MULTILINE


def _compiled(module: Any, patterns: Sequence[str], flags: int) -> list[Any]:
    """Those patterns that compile; the references let the others match nothing."""
    compiled = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # "possible nested set": valid all the same
        for pattern in patterns:
            with contextlib.suppress(module.error, ValueError, OverflowError, RecursionError):
                compiled.append(module.compile(pattern, flags))
    return compiled


def _always(text: str, title: str = "") -> bool:
    """The test of an answer without a token: it is in every text."""
    return True


def _dpr_string(answers: Sequence[str]) -> Test:
    """DPR's ``has_answer`` for strings: the answer's tokens occur contiguously in the text's.

    Most passages hold no token of any answer, and a substring search of the lower-cased text
    shows that without tokenising it; only those that hold every token of one are tokenised. Text
    that is not ASCII is slow to normalise and lower-case: where each answer has a token of ASCII
    letters and digits, its bytes are searched first.
    """
    wanted: dict[str, list[str]] = {}
    for answer in answers:
        tokens = dpr_tokens(nfd(answer))
        if not tokens:
            return _always
        wanted[f" {' '.join(tokens)} "] = sorted(set(tokens), key=len, reverse=True)
    needles = [(tokens[0], tokens[1:], phrase) for phrase, tokens in wanted.items()]
    plain = [[t.encode() for t in tokens if _is_plain(t)] for tokens in wanted.values()]
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


def _drqa_string(answers: Sequence[str]) -> Test:
    """DrQA's ``has_answer`` for strings, with its RegexpTokenizer."""
    token_lists = [drqa_tokens(nfd(answer)) for answer in answers]
    if any(not tokens for tokens in token_lists):
        return _always
    phrases = [f" {' '.join(tokens)} " for tokens in token_lists]

    def test(text: str, title: str = "") -> bool:
        tokenised = f" {' '.join(drqa_tokens(nfd(text)))} "
        return any(phrase in tokenised for phrase in phrases)

    return test


def _dpr_patterns(answers: Sequence[str]) -> list[Any]:
    return _compiled(regex, [nfd(answer) for answer in answers], _FLAGS)


def _stdlib_patterns(answers: Sequence[str]) -> list[Any]:
    return _compiled(re, [nfd(answer) for answer in answers], _STDLIB_FLAGS)


def _search(patterns: Sequence[Any]) -> Test:
    """A test that searches NFD text for the patterns."""

    def test(text: str, title: str = "") -> bool:
        text = nfd(text)
        return any(pattern.search(text) is not None for pattern in patterns)

    return test


def titled(text: str, title: str) -> str:
    """What is searched where titles are: the title, a line break and the text."""
    return f"{title}\n{text}" if title else text


def _substring(with_title: bool) -> Callable[[Sequence[str]], Test]:
    """FlashRAG's and KILT's test: the SQuAD-normalised answer is a substring of the text's."""

    def make(answers: Sequence[str]) -> Test:
        wanted = [squad_normalize(answer) for answer in answers]

        def test(text: str, title: str = "") -> bool:
            searched = squad_normalize(titled(text, title) if with_title else text)
            return any(answer in searched for answer in wanted)

        return test

    return make


def _same(prediction: str, answer: str) -> bool:
    return squad_normalize(prediction) == squad_normalize(answer)


def _same_nfd(prediction: str, answer: str) -> bool:
    return _same(nfd(prediction), nfd(answer))


def _match_start(prediction: str, pattern: str) -> bool:
    """DrQA's ``regex_match_score``: anchored at the start only, on the raw prediction."""
    return any(p.match(prediction) for p in _compiled(regex, [pattern], _FLAGS))


def _match_whole(prediction: str, pattern: str) -> bool:
    """FlashRAG's regex EM: ``re.fullmatch`` on the normalised prediction.

    It raises where a pattern does not compile; here such a pattern matches nothing.
    """
    compiled = _compiled(re, [pattern], re.IGNORECASE)
    return any(p.fullmatch(squad_normalize(prediction)) for p in compiled)


@dataclass(frozen=True)
class Mode:
    """One reference's way of comparing.

    Attributes:
        string: makes the passage test of a set of answer strings.
        same: is this prediction this answer string?
        same_regex: does this prediction match this answer pattern?
        tokens: the tokenizer behind ``string``, by which empty answers are recognised.
        token_spans: the same where ``whole_tokens``, with the places of the tokens.
        titles: whether titles are searched too, for strings.
        whole_tokens: whether a text with an answer string has all tokens of the string.
        patterns: compiles answer patterns, leaving out those that fail.
        only_first: whether only the first of the answer patterns is searched.
    """

    string: Callable[[Sequence[str]], Test]
    same: Callable[[str, str], bool] = _same
    same_regex: Callable[[str, str], bool] = _match_start
    tokens: Tokenizer = dpr_tokens
    token_spans: Callable[[str], list[Token]] = dpr_token_spans
    titles: bool = False
    whole_tokens: bool = True
    patterns: Patterns = _dpr_patterns
    only_first: bool = False

    def searched(self, answers: Sequence[str]) -> list[Any]:
        """The patterns that are looked for where a question has these, compiled."""
        return self.patterns(answers[:1] if self.only_first else answers)


def _squad_words(text: str) -> list[str]:
    return squad_normalize(text).split()


MODES: dict[str, Mode] = {
    "dpr": Mode(_dpr_string),
    "drqa": Mode(
        _drqa_string,
        same=_same_nfd,
        tokens=drqa_tokens,
        token_spans=drqa_token_spans,
        only_first=True,
    ),
    "pyserini": Mode(_dpr_string, patterns=_stdlib_patterns),
    "flashrag": Mode(
        _substring(with_title=True),
        same_regex=_match_whole,
        tokens=_squad_words,
        whole_tokens=False,
        titles=True,
        patterns=_stdlib_patterns,
    ),
    "kilt": Mode(
        _substring(with_title=False),
        tokens=_squad_words,
        whole_tokens=False,
        patterns=_stdlib_patterns,
    ),
}


def get_mode(name: str) -> Mode:
    """The mode called ``name``.

    Raises:
        UserError: there is none.
    """
    try:
        return MODES[name]
    except KeyError:
        raise UserError(f"match mode '{name}' is unknown: use one of {', '.join(MODES)}") from None


def _check(answers: Sequence[str], match: str = "string") -> None:
    if isinstance(answers, str):
        raise UserError("gold answers must be a list of strings, not one string")
    if not answers:
        raise UserError("a question needs at least one gold answer")
    if match not in ("string", "regex"):
        raise UserError(f"match '{match}' is unknown: use string or regex")


def answer_test(answers: Sequence[str], match: Match, how: str) -> Test:
    """Prepare the test of one question's answers, to be called on many passages.

    Raises:
        UserError: there are no answers, or ``match`` or ``how`` is unknown.
    """
    _check(answers, match)
    chosen = get_mode(how)
    return _search(chosen.searched(answers)) if match == "regex" else chosen.string(answers)


def has_answer(
    text: str,
    answers: Sequence[str],
    match: Match = "string",
    mode: str = "dpr",
    title: str = "",
) -> bool:
    """Does a passage hold one of the answers?

    Args:
        text: the passage.
        answers: gold strings, or patterns with ``match="regex"``.
        match: how the answers are compared.
        mode: whose rules: dpr, drqa, pyserini, flashrag or kilt.
        title: the passage's title; only flashrag searches it.

    Raises:
        UserError: no answers, or an unknown match or mode.

    Source: DPR ``dpr/data/qa_validation.py`` and its kin, see ``docs/metric.md``.
    """
    return answer_test(answers, match, mode)(text, title)


def exact_match(
    prediction: str, answers: Sequence[str], match: Match = "string", mode: str = "dpr"
) -> bool:
    """Is the prediction one of the answers, after SQuAD normalisation (or as a pattern)?

    Raises:
        UserError: no answers, or an unknown match or mode.

    Source: SQuAD ``evaluate-v1.1.py``; regex EM from DrQA ``drqa/reader/utils.py``.
    """
    _check(answers, match)
    chosen = get_mode(mode)
    same = chosen.same_regex if match == "regex" else chosen.same
    return any(same(prediction, answer) for answer in answers)


def f1_score(prediction: str, answers: Sequence[str]) -> float:
    """Best token F1 between the prediction and an answer, both SQuAD-normalised.

    0 where the two share no token, also when both normalise to nothing (as the reference has it).

    Raises:
        UserError: no answers.

    Source: SQuAD ``evaluate-v1.1.py``.
    """
    _check(answers)
    predicted = squad_normalize(prediction).split()

    def f1(answer: str) -> float:
        gold = squad_normalize(answer).split()
        shared = sum((Counter(predicted) & Counter(gold)).values())
        return 2 * shared / (len(predicted) + len(gold)) if shared else 0.0

    return max(f1(answer) for answer in answers)


def degenerate(answers: Sequence[str], match: Match, how: str) -> int:
    """How many answers match everything or nothing: no token left, or a pattern that fails.

    An empty pattern counts too: it matches every passage.
    """
    chosen = get_mode(how)
    if match == "regex":
        return len(answers) - len(chosen.patterns([answer for answer in answers if answer]))
    tokens = chosen.tokens
    return sum(1 for answer in answers if not tokens(nfd(answer)) or not squad_normalize(answer))
