"""The published rules by which questions are left out of training sets, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from qa_bench.errors import UserError
from qa_bench.fetch.convert import in_dev
from qa_bench.settings import one_of, strings
from qa_bench.types import Question, QuestionSet

SHORT = 5
"""Tokens that a short answer of NQ has at most, as ORQA keeps them (Lee et al. 2019, 5.1)."""
DISCARD_DEPTH = 100
"""Hits that DPR looks at for an answer (Karpukhin et al. 2020, 4.2)."""
DISCARD = "dpr_discard"


def _short_answers(question: Question) -> Question | None:
    answers = tuple(answer for answer in question.answers if len(answer.split()) <= SHORT)
    return question._replace(answers=answers) if answers else None


def _in_train(question: Question) -> Question | None:
    return None if in_dev(question.text) else question


def _in_dev(question: Question) -> Question | None:
    return question if in_dev(question.text) else None


OF_QUESTIONS: dict[str, Callable[[Question], Question | None]] = {
    "nq_short_answers": _short_answers,
    "orqa_train": _in_train,
    "orqa_dev": _in_dev,
}
"""Rules that look at a question alone: what is left of it, None where nothing is."""

RULES = (*OF_QUESTIONS, DISCARD)


def checked_rules(names: Sequence[str] | None, depth: int) -> tuple[str, ...]:
    """The names of rules, in the order in which they are applied.

    Args:
        names: as they are set.
        depth: of the hits.

    Raises:
        UserError: there is no such rule, two leave nothing, or the hits do not go deep enough.
    """
    several = strings("mine.rules", names)
    for name in several:
        one_of("mine.rules", name, RULES)
    if {"orqa_train", "orqa_dev"} <= set(several):
        raise UserError("mine.rules: orqa_train and orqa_dev leave no question between them")
    if DISCARD in several and depth < DISCARD_DEPTH:
        raise UserError(
            f"mine.rules: {DISCARD} looks at the first {DISCARD_DEPTH} hits, and depth={depth}"
        )
    return tuple(name for name in RULES if name in several)


class Published(NamedTuple):
    """How many questions of a training set DPR had, and how many it trained on."""

    questions: int
    trained: int


TABLE_1 = {
    "nq": Published(79_168, 58_880),
    "triviaqa": Published(78_785, 60_413),
    "webq": Published(3_417, 2_474),
    "curatedtrec": Published(1_353, 1_125),
    "squad": Published(78_713, 70_096),
}
"""Karpukhin et al. 2020, Table 1, by the names of our sets; their passages are psgs_w100's."""


def published(questions: QuestionSet) -> Published | None:
    """DPR's numbers, where these are all questions of one of its training sets."""
    whole = TABLE_1.get(questions.name)
    official = questions.split == "train" and questions.published is not False
    return whole if official and whole and whole.questions == len(questions) else None
