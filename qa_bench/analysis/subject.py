"""What a breakdown looks at, and how it says that it cannot be had."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from qa_bench.types import Question

Subsets = dict[str, list[bool]]
"""Which questions belong to each subset, in the order to be shown; (questions,) a subset."""


@dataclass(frozen=True)
class Subject:
    """The questions of one record.

    Attributes:
        dataset: the set's name.
        split: its split.
        match: string, regex or qrels.
        questions: in the set's order; without answers where the set has none.
        folder: where the set's files lie.
        train: reads the questions of the set's train split; raises ``UserError`` where it cannot.
    """

    dataset: str
    split: str
    match: str
    questions: tuple[Question, ...]
    folder: Path
    train: Callable[[], Sequence[Question]]


class UnknownError(Exception):
    """A breakdown that these questions do not have; the message says why, in one line."""


def by_label(labels: Sequence[str], order: Sequence[str]) -> Subsets:
    """Subsets of questions that have one label each; those without a question are left out."""
    return {name: [label == name for label in labels] for name in order if name in labels}


def first_answers(subject: Subject) -> list[str]:
    """The first answer of each question.

    Raises:
        UnknownError: answers are patterns, or there are none.
    """
    if subject.match == "regex":
        raise UnknownError("answers are patterns")
    if not all(question.answers for question in subject.questions):
        raise UnknownError("there are no answers")
    return [question.answers[0] for question in subject.questions]
