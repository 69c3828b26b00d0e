"""``dataset.limit``: a quick look at a question set."""

from __future__ import annotations

from collections.abc import Sequence

from qa_bench.types import Question


def limited(questions: Sequence[Question], limit: int | None) -> tuple[tuple[Question, ...], str]:
    """At most so many questions, spread evenly over the set, and what to say of it.

    Neighbours often ask of one article (the first 200 of SQuAD are all about Super Bowl 50): the
    first ones alone would say little of the set.
    """
    whole = len(questions)
    if limit is None or limit >= whole:
        return tuple(questions), ""
    some = tuple(questions[number * whole // limit] for number in range(limit))
    return some, f"only {limit} of {whole} questions, spread evenly"


def rest(questions: Sequence[Question], some: Sequence[Question]) -> tuple[Question, ...]:
    """Those that ``limited`` has left out."""
    qids = {question.qid for question in some}
    return tuple(question for question in questions if question.qid not in qids)
