"""What fusion-in-decoder is trained on: a question, its best passages, and its answers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from qa_bench.formats.dpr_training import Example
from qa_bench.metric.answer_spans import AnswerFinder


class Lesson(NamedTuple):
    """A question with what is read, and what may be written.

    Attributes:
        question: its text.
        passages: title and text of each, best first.
        answers: one of them is to be written.
    """

    question: str
    passages: list[tuple[str, str]]
    answers: list[str]


def lessons(examples: Iterable[Example], depth: int, counts: dict[str, int]) -> Iterator[Lesson]:
    """The lessons of examples, in their order.

    Read are the passages that were retrieved for the question, with an answer or without, by their
    scores: in the retriever's order, a gold passage first. Those drawn at random are left out.
    Where answers are patterns, what they match in the positives is to be written.

    Args:
        examples: of the files.
        depth: passages a question at most.
        counts: the questions that are left out are counted here: ``without_positive``, and
            ``without_answer`` that could be written.
    """
    for name in ("without_positive", "without_answer"):
        counts.setdefault(name, 0)
    for example in examples:
        positives = [one for one in example.positives if one.passage.text.strip()]
        if not positives:
            counts["without_positive"] += 1
            continue
        answers = list(dict.fromkeys(answer for answer in example.answers if answer.strip()))
        if answers and example.match == "regex":
            finder = AnswerFinder(answers, "regex", question=example.question)
            texts = [one.passage.text for one in positives]
            places = [(text, span) for text in texts for span in finder(text)]
            matches = (text[slice(*span)].strip() for text, span in places)
            answers = list(dict.fromkeys(match for match in matches if match))
        if not answers:
            counts["without_answer"] += 1
            continue
        hits = [*positives, *(one for one in example.hard_negatives if one.passage.text.strip())]
        hits.sort(key=lambda one: -one.score if math.isfinite(one.score) else math.inf)
        passages = [(one.passage.title, one.passage.text) for one in hits[:depth]]
        yield Lesson(example.question, passages, answers)
