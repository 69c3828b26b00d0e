"""The filters that look at a question and its passage alone, each with its count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from qa_bench.metric.answer_spans import AnswerFinder
from qa_bench.metric.matching import answer_test, get_mode
from qa_bench.synthetic.duplicates import duplicates
from qa_bench.synthetic.proposals import Proposal
from qa_bench.synthetic.standalone import standalone
from qa_bench.text import nfd

NOT_IN_PASSAGE = "answer not in the passage"
IN_QUESTION = "answer in the question"
TOO_LONG = "answer too long"
NOT_STANDALONE = "not standalone"
SAME = "same question"
NEARLY_SAME = "nearly the same question"
NOT_RETRIEVED = "not retrieved"
SINGLE = (NOT_IN_PASSAGE, IN_QUESTION, TOO_LONG, NOT_STANDALONE)
"""Filters of a question and its passage."""
FILTERS = (*SINGLE, SAME, NEARLY_SAME, NOT_RETRIEVED)
"""Why a question is dropped, in the order in which they are looked at."""


class Screening(NamedTuple):
    """What became of some proposals.

    Attributes:
        reasons: why each is dropped, by the first filter that does; empty for one that stays.
        alone: how many of those with a question each filter of a single question would drop.
    """

    reasons: list[str]
    alone: dict[str, int]

    @property
    def places(self) -> list[int]:
        """The places of those that stay."""
        return [place for place, reason in enumerate(self.reasons) if not reason]


def screen(
    proposals: Sequence[Proposal],
    texts: Sequence[str],
    mode: str,
    answer_words: int,
    near: float,
) -> Screening:
    """Look at each proposal, then at those that are left for duplicates.

    Args:
        proposals: in order.
        texts: of their passages.
        mode: whose rules say what holds an answer.
        answer_words: the most tokens that an answer may have.
        near: see ``duplicates``.

    Raises:
        UserError: the mode is unknown.
    """
    reasons: list[str] = []
    alone: Counter[str] = Counter()
    for proposal, text in zip(proposals, texts, strict=True):
        if proposal.problem is not None:
            reasons.append(proposal.problem)
            continue
        failing = _failing(proposal, text, mode, answer_words)
        alone.update(failing)
        reasons.append(failing[0] if failing else "")
    places = [place for place, reason in enumerate(reasons) if not reason]
    questions = [proposals[place].question for place in places]
    for number, (_, same) in duplicates(questions, near).items():
        reasons[places[number]] = SAME if same else NEARLY_SAME
    return Screening(reasons, {name: alone[name] for name in SINGLE})


def _failing(proposal: Proposal, text: str, mode: str, answer_words: int) -> list[str]:
    """The filters that would drop a question, in order."""
    answers = [proposal.answer]
    failing = []
    places = AnswerFinder(answers, "string", mode)(text)
    if not any(start < end for start, end in places):  # one without a token is in every text
        failing.append(NOT_IN_PASSAGE)
    if answer_test(answers, "string", mode)(proposal.question):
        failing.append(IN_QUESTION)
    if len(get_mode(mode).tokens(nfd(proposal.answer))) > answer_words:
        failing.append(TOO_LONG)
    if not standalone(proposal.question):
        failing.append(NOT_STANDALONE)
    return failing
