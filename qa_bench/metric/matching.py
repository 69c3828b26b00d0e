r"""Does a text hold an answer, is a prediction right: the reference matchers, one ``Mode`` each.

Modes ``dpr`` (the default), ``drqa``, ``pyserini``, ``flashrag`` and ``kilt`` reproduce the
functions of those code bases case by case, degenerate answers included. ``lenient`` reproduces
nobody's: it also takes numbers and dates for the same that are written otherwise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from qa_bench.errors import UserError
from qa_bench.metric.lenient import lenient_token_spans, lenient_tokens
from qa_bench.metric.patterns import REGEX, STDLIB, STDLIB_PLAIN, Dialect, Patterns
from qa_bench.metric.string_tests import (
    Test,
    dpr_string,
    drqa_string,
    lenient_string,
    substring,
)
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


def _same(prediction: str, answer: str) -> bool:
    return squad_normalize(prediction) == squad_normalize(answer)


def _same_nfd(prediction: str, answer: str) -> bool:
    return _same(nfd(prediction), nfd(answer))


def _same_lenient(prediction: str, answer: str) -> bool:
    tokens = lenient_tokens(nfd(prediction))
    same = bool(tokens) and tokens == lenient_tokens(nfd(answer))
    return same or _same_nfd(prediction, answer)


def _overlap(predicted: Sequence[str], gold: Sequence[str]) -> float:
    shared = sum((Counter(predicted) & Counter(gold)).values())
    return 2 * shared / (len(predicted) + len(gold)) if shared else 0.0


def _squad_words(text: str) -> list[str]:
    return squad_normalize(text).split()


def _f1(prediction: str, answer: str) -> float:
    return _overlap(_squad_words(prediction), _squad_words(answer))


_CLOSED = {"yes", "no", "noanswer"}


def _f1_flashrag(prediction: str, answer: str) -> float:
    """As HotpotQA's: yes, no and noanswer are right as a whole, or have nothing in common.

    Source: FlashRAG ``flashrag/evaluator/metrics.py``, ``F1_Score.token_level_scores``.
    """
    sides = squad_normalize(prediction), squad_normalize(answer)
    if sides[0] != sides[1] and not _CLOSED.isdisjoint(sides):
        return 0.0
    return _f1(prediction, answer)


def _f1_lenient(prediction: str, answer: str) -> float:
    tokens = (lenient_tokens(nfd(text)) for text in (prediction, answer))
    return max(_f1(nfd(prediction), nfd(answer)), _overlap(*tokens))


def _start(patterns: Sequence[str], prediction: str, question: str) -> bool:
    """Anchored at the start only, on the raw prediction; DPR has no EM for patterns."""
    return Patterns(patterns, REGEX, question).match(prediction)


def _start_nfd(patterns: Sequence[str], prediction: str, question: str) -> bool:
    """DrQA's ``regex_match_score``, whose two sides ``scripts/pipeline/eval.py`` puts into NFD."""
    return _start([nfd(pattern) for pattern in patterns], nfd(prediction), question)


def _whole(patterns: Sequence[str], prediction: str, question: str) -> bool:
    """FlashRAG's regex EM: ``re.fullmatch`` on the normalised prediction.

    It raises where a pattern does not compile; here such a pattern matches nothing.
    """
    normal = squad_normalize(prediction)
    return Patterns(patterns, STDLIB_PLAIN, question).fullmatch(normal)


def _inside(patterns: Sequence[str], prediction: str, question: str) -> bool:
    """FlashRAG's ``Sub_ExactMatch`` (its "acc") for patterns."""
    return Patterns(patterns, STDLIB_PLAIN, question).search(squad_normalize(prediction))


_OnPrediction = Callable[[Sequence[str], str, str], bool]
"""(answer patterns, prediction, what to call the question) → is it right?"""


@dataclass(frozen=True)
class Mode:
    """One reference's way of comparing.

    Attributes:
        string: makes the passage test of a set of answer strings.
        same: is this prediction this answer string?
        same_regex: does this prediction match one of these answer patterns?
        contains_regex: does it contain a match of one? None: as a passage does.
        f1: token F1 of a prediction and an answer.
        tokens: the tokenizer behind ``string``, by which empty answers are recognised.
        token_spans: the same where ``whole_tokens``, with the places of the tokens.
        titles: whether titles are searched too, for strings.
        whole_tokens: whether a text with an answer string has all tokens of the string.
        dialect: of answer patterns in passages.
        only_first: whether only the first of the answer patterns is searched.
        no_blanks: whether blank answers are left out where predictions are compared with them, and
            no blank prediction is ever right.
    """

    string: Callable[[Sequence[str]], Test]
    same: Callable[[str, str], bool] = _same
    same_regex: _OnPrediction = _start
    contains_regex: _OnPrediction | None = None
    f1: Callable[[str, str], float] = _f1
    tokens: Tokenizer = dpr_tokens
    token_spans: Callable[[str], list[Token]] = dpr_token_spans
    titles: bool = False
    whole_tokens: bool = True
    dialect: Dialect = REGEX
    only_first: bool = False
    no_blanks: bool = False

    def searched(self, answers: Sequence[str], question: str = "") -> Patterns:
        """The patterns that are looked for in NFD text where a question has these."""
        several = answers[:1] if self.only_first else answers
        return Patterns([nfd(answer) for answer in several], self.dialect, question)

    def golds(self, prediction: str, answers: Sequence[str]) -> Sequence[str]:
        """The answers that a prediction is compared with; none where it cannot be right.

        Source of ``no_blanks``: KILT ``kilt/eval_downstream.py``, ``get_gold_answers``; it refuses
        a blank prediction, which here is wrong.
        """
        if not self.no_blanks:
            return answers
        return [answer for answer in answers if answer.strip()] if prediction.strip() else []


MODES: dict[str, Mode] = {
    "dpr": Mode(dpr_string),
    "drqa": Mode(
        drqa_string,
        same=_same_nfd,
        same_regex=_start_nfd,
        tokens=drqa_tokens,
        token_spans=drqa_token_spans,
        only_first=True,
    ),
    "pyserini": Mode(dpr_string, dialect=STDLIB),
    "flashrag": Mode(
        substring(with_title=True),
        same_regex=_whole,
        contains_regex=_inside,
        f1=_f1_flashrag,
        tokens=_squad_words,
        whole_tokens=False,
        titles=True,
        dialect=STDLIB,
    ),
    "kilt": Mode(
        substring(with_title=False),
        tokens=_squad_words,
        whole_tokens=False,
        dialect=STDLIB,
        no_blanks=True,
    ),
    "lenient": Mode(
        lenient_string,
        same=_same_lenient,
        same_regex=_start_nfd,
        f1=_f1_lenient,
        tokens=lenient_tokens,
        token_spans=lenient_token_spans,
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


def answer_test(answers: Sequence[str], match: Match, how: str, question: str = "") -> Test:
    """Prepare the test of one question's answers, to be called on many passages.

    The test raises UserError where a pattern takes too long, see ``Patterns``.

    Args:
        answers: gold strings, or patterns with ``match="regex"``.
        match: how the answers are compared.
        how: the mode.
        question: what to call the question in an error.

    Raises:
        UserError: there are no answers, or ``match`` or ``how`` is unknown.
    """
    _check(answers, match)
    rules = get_mode(how)
    if match == "string":
        return rules.string(answers)
    patterns = rules.searched(answers, question)
    return lambda text, title="": patterns.search(nfd(text))


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
        mode: whose rules: dpr, drqa, pyserini, flashrag, kilt or lenient.
        title: the passage's title; only flashrag searches it.

    Raises:
        UserError: no answers, an unknown match or mode, or a pattern that takes too long.

    Source: DPR ``dpr/data/qa_validation.py`` and its kin, see ``docs/metric.md``.
    """
    return answer_test(answers, match, mode)(text, title)


def exact_match(
    prediction: str,
    answers: Sequence[str],
    match: Match = "string",
    mode: str = "dpr",
    *,
    question: str = "",
) -> bool:
    """Is the prediction one of the answers, after SQuAD normalisation (or as a pattern)?

    ``question`` is what to call the question in an error.

    Raises:
        UserError: no answers, an unknown match or mode, or a pattern that takes too long.

    Source: SQuAD ``evaluate-v1.1.py``; regex EM from DrQA ``drqa/reader/utils.py``.
    """
    _check(answers, match)
    rules = get_mode(mode)
    golds = rules.golds(prediction, answers)
    if match == "regex":
        return rules.same_regex(golds, prediction, question)
    return any(rules.same(prediction, answer) for answer in golds)


def contains_answer(
    prediction: str,
    answers: Sequence[str],
    match: Match = "string",
    mode: str = "dpr",
    *,
    question: str = "",
) -> bool:
    """Does the prediction contain one of the answers, as a passage would?

    ``question`` is what to call the question in an error.

    Raises:
        UserError: no answers, an unknown match or mode, or a pattern that takes too long.
    """
    _check(answers, match)
    rules = get_mode(mode)
    golds = rules.golds(prediction, answers)
    if not golds:
        return False
    if match == "regex" and rules.contains_regex is not None:
        return rules.contains_regex(golds, prediction, question)
    return answer_test(golds, match, mode, question)(prediction)


def f1_score(prediction: str, answers: Sequence[str], mode: str = "dpr") -> float:
    """Best token F1 between the prediction and an answer, both SQuAD-normalised.

    0 where the two share no token, also when both normalise to nothing (as the reference has it).
    Mode flashrag gives 0 where one side is yes, no or noanswer and the other is not the same.

    Raises:
        UserError: no answers, or an unknown mode.

    Source: SQuAD ``evaluate-v1.1.py``.
    """
    _check(answers)
    rules = get_mode(mode)
    golds = rules.golds(prediction, answers)
    return max((rules.f1(prediction, answer) for answer in golds), default=0.0)


def degenerate(answers: Sequence[str], match: Match, how: str) -> int:
    """How many answers match everything or nothing: no token left, or a pattern that fails.

    An empty pattern counts too: it matches every passage.
    """
    rules = get_mode(how)
    if match == "regex":
        patterns = [nfd(answer) for answer in answers if answer]
        return len(answers) - len(Patterns(patterns, rules.dialect))
    tokens = rules.tokens
    return sum(1 for answer in answers if not tokens(nfd(answer)) or not squad_normalize(answer))
