"""How long the answer is: words of the first one."""

from __future__ import annotations

from qa_bench.analysis.subject import Subject, Subsets, by_label, first_answers
from qa_bench.text import squad_normalize

LENGTHS = ("1 word", "2 words", "3 words", "4-5 words", "6+ words")


def answer_length(answer: str) -> str:
    """The class of an answer's number of words after SQuAD's normalisation.

    An answer of which nothing is left counts as one word.
    """
    words = len(squad_normalize(answer).split())
    if words <= 3:
        return LENGTHS[max(words, 1) - 1]
    return LENGTHS[3] if words <= 5 else LENGTHS[4]


def subsets(subject: Subject) -> Subsets:
    """The questions by the length of their first answer.

    Raises:
        UnknownError: answers are patterns, or there are none.
    """
    return by_label([answer_length(answer) for answer in first_answers(subject)], LENGTHS)
