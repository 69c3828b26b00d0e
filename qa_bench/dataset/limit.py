"""``dataset.limit``: a quick look at a question set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qa_bench.errors import UserError
from qa_bench.types import Question


def checked(limit: Any) -> int | None:
    """The setting, if it is one.

    Raises:
        UserError: neither null nor a whole number from 1.
    """
    if limit is not None and (not isinstance(limit, int) or limit < 1):
        raise UserError(f"dataset.limit must be a whole number >= 1, got '{limit}'")
    return limit


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
