"""What a cross-encoder is trained on: a question's passages as texts, the positive first."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from qa_bench.formats.dpr_training import Example, TrainingPassage
from qa_bench.reranker.hits import pair_text


class Lesson(NamedTuple):
    """A question and passages.

    Attributes:
        question: its text.
        passages: texts as the reranker reads them; the first answers the question.
        teacher: the file's scores of the passages; None where nothing learns them.
    """

    question: str
    passages: list[str]
    teacher: list[float] | None


def lessons(
    examples: Iterable[Example],
    title: str,
    negatives: int,
    contrasts: bool,
    distils: bool,
    counts: dict[str, int],
) -> Iterator[Lesson]:
    """The lessons of examples, in their order.

    The positive is the first that has a text (and a teacher's score, where scores are learnt). The
    hard negatives come in their order, then the others; a passage that is also a positive is none.

    Args:
        examples: of the files.
        title: what stands between a passage's title and text; "none" leaves the title out.
        negatives: passages beside the positive at most.
        contrasts: whether a question without negatives is left out.
        distils: whether scores are learnt: a passage without one is left out.
        counts: the questions that are left out are counted here: ``without_positive``,
            ``without_negative``, and ``without_score`` of a positive.
    """
    for name in ("without_positive", "without_negative", "without_score"):
        counts.setdefault(name, 0)

    for example in examples:
        positives = [one for one in example.positives if one.passage.text.strip()]
        if not positives:
            counts["without_positive"] += 1
            continue
        scored = [one for one in positives if not distils or _has_score(example, one)]
        if not scored:
            counts["without_score"] += 1
            continue
        texts = {one.passage.text for one in positives}
        others = [
            one
            for one in chain(example.hard_negatives, example.negatives)
            if one.passage.text.strip()
            and one.passage.text not in texts
            and (not distils or _has_score(example, one))
        ][:negatives]
        if contrasts and not others:
            counts["without_negative"] += 1
            continue
        chosen = [scored[0], *others]
        yield Lesson(
            example.question,
            [pair_text(one.passage.title, one.passage.text, title) for one in chosen],
            [one.score for one in chosen] if distils else None,
        )


def _has_score(example: Example, context: TrainingPassage) -> bool:
    return math.isfinite(example.score_of(context))
